internal import CacheRefresh
internal import Logging
internal import PostgresClient

/// Which PostgreSQL it is: a lease of another server or database says nothing here.
public struct ServerIdentity: Hashable, Sendable {
    /// As `pg_controldata` shows it; the same on a primary and its standbys.
    public let systemIdentifier: String
    public let database: String

    static func read(from connection: PostgresConnection) async throws(PostgresError) -> ServerIdentity {
        let rows = try await connection.query(
            "select (select system_identifier from pg_control_system()), current_database()")
        return ServerIdentity(systemIdentifier: rows.first?[0] ?? "", database: rows.first?[1] ?? "")
    }

    /// Asks, ever more slowly, until the server is known, and logs why it is not.
    ///
    /// - Parameters:
    ///   - isWanted: whether it still has to be known.
    ///   - failed: called after each try that failed.
    /// - Returns: nil if the task was cancelled or it has not to be known any more.
    static func find(
        _ logger: Logger, while isWanted: @autoclosure () -> Bool = true, failed: (Problem) -> Void = { _ in },
        _ ask: () async throws -> ServerIdentity
    ) async -> ServerIdentity? {
        var schedule = PassSchedule(every: .milliseconds(200))
        var random = SystemRandomNumberGenerator()
        var trouble = LastingProblem()
        while !Task.isCancelled && isWanted() {
            do {
                return try await ask()
            } catch {
                guard !Task.isCancelled && isWanted() else { return nil }
                let problem = Problem(error)
                if trouble.isWorthTelling(problem, at: Uptime.now) {
                    logger.error("postgres can't be used", [.problem: "\(problem.text)"])
                }
                failed(problem)
                try? await Task.sleep(for: schedule.failed(using: &random))
            }
        }
        return nil
    }

    /// What the lease of a group is bound to. No more of the server's history: a promoted standby goes on with the same
    /// data.
    public var deployment: String { "\(systemIdentifier)/\(database)" }
}

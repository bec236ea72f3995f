internal import CacheRefresh
package import DatasetReading
internal import Formatting
package import Logging
internal import Telemetry

extension ServerIdentity {
    /// Asks until the server is known, with longer and longer pauses, and logs why it is not.
    ///
    /// - Parameters:
    ///   - isWanted: whether anybody still wants to know.
    ///   - failed: called after each try that failed.
    /// - Returns: nil if the task was cancelled, or nobody wants to know any more.
    package static func find(
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
}

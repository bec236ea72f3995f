import Glibc
import Synchronization

/// A real PgBouncer of our own, on a free port of 127.0.0.1, in front of a ``LocalPostgres``.
///
/// Every database and role of the server can be reached through it, with the role's own password. It runs until it is
/// stopped or closed, its workspace is closed, or this process ends; never longer.
public final class LocalPgBouncer: Sendable {
    /// When a connection to the server goes from one client to the next.
    public enum PoolMode: String, Hashable, Sendable, CaseIterable {
        /// When the client leaves.
        case session
        /// When its transaction ends.
        case transaction
    }

    /// The TCP port.
    public var port: Int { process.port }
    /// What the pooler printed, from all its runs.
    public var logPath: String { process.logPath }
    /// Whether its process is there.
    public var isRunning: Bool { process.pid != nil }

    private let process: ServerProcess
    private let server: Mutex<LocalPostgres>
    private let settings: [String: String]

    /// Starts a pooler and returns when it accepts connections.
    ///
    /// - Parameters:
    ///   - mode: Its `pool_mode`.
    ///   - postgres: The server behind it.
    ///   - serverPort: A port of 127.0.0.1 at which it finds the server, such as a proxy's; nil for the server's own.
    ///   - settings: More settings for the section `[pgbouncer]`, such as `ignore_startup_parameters`; they win over ours.
    ///   - workspace: Where its files are kept; nil for a workspace of its own.
    /// - Throws: ``LocalStackError``: `missingProgram`, or `failedToStart` with the last lines of its log.
    public static func start(
        _ mode: PoolMode, inFrontOf postgres: LocalPostgres, at serverPort: Int? = nil,
        settings: [String: String] = [:],
        in workspace: Workspace? = nil
    ) async throws -> LocalPgBouncer {
        let settings = settings.merging(["pool_mode": mode.rawValue]) { own, _ in own }
        let process = try await ServerProcess.start(kind, port: nil, in: workspace) { port, folder in
            [
                ServerProcess.configurationFile: configuration(
                    of: postgres, at: serverPort, settings, port: port, folder: folder),
                users: userList(of: postgres),
            ]
        }
        return LocalPgBouncer(process, server: postgres, settings: settings)
    }

    /// Starts a pooler, lets `body` use it, and closes it whatever happens.
    public static func withServer<Result>(
        _ mode: PoolMode, inFrontOf postgres: LocalPostgres, at serverPort: Int? = nil,
        settings: [String: String] = [:],
        _ body: (LocalPgBouncer) async throws -> Result
    ) async throws -> Result {
        let pooler = try await start(mode, inFrontOf: postgres, at: serverPort, settings: settings)
        do {
            let result = try await body(pooler)
            await pooler.close()
            return result
        } catch {
            await pooler.close()
            throw error
        }
    }

    private init(_ process: ServerProcess, server: LocalPostgres, settings: [String: String]) {
        self.process = process
        self.server = Mutex(server)
        self.settings = settings
    }

    /// What ``LocalPostgres/url(database:user:)`` answers, by way of the pooler.
    public func url(database: String = "postgres", user: String = "postgres") -> String {
        server.withLock { $0 }.url(database: database, user: user, port: port)
    }

    /// Lets the pooler take another server, as after a failover. Its clients stay connected; each gets a connection to the
    /// new server with its next session or transaction.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning`.
    public func direct(to postgres: LocalPostgres) throws {
        server.withLock { $0 = postgres }
        try process.write([
            ServerProcess.configurationFile: Self.configuration(
                of: postgres, at: nil, settings, port: port, folder: process.folder),
            Self.users: Self.userList(of: postgres),
        ])
        try process.signal(SIGHUP)
    }

    // MARK: Its life

    /// Sends the pooler a signal, for example `SIGSTOP`.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning`.
    public func signal(_ number: Int32) throws { try process.signal(number) }

    /// Kills the pooler; all connections are cut. Its files stay, for ``restart()``.
    public func kill() async { await process.kill() }

    /// Kills the pooler if it runs, and starts it with the same port and files.
    ///
    /// - Throws: ``LocalStackError`` with `failedToStart`.
    public func restart() async throws { try await process.restart() }

    /// Ends the pooler for good; removes its files if it has a workspace of its own.
    public func close() async { await process.close() }

    // MARK: Its files

    private static let kind = ServerProcess.Kind(
        program: "pgbouncer", arguments: { [$0] },
        // Printed when it listens; it has no other place to listen at than that port, so it ends where that is taken.
        isReady: { printed, _ in printed.contains(" LOG process up: ") })
    private static let users = "users.txt"

    private static func configuration(
        of postgres: LocalPostgres, at serverPort: Int?, _ settings: [String: String], port: Int, folder: String
    ) -> String {
        let ours = [
            "listen_addr": "127.0.0.1",
            "listen_port": "\(port)",
            "unix_socket_dir": "",
            // What a client proves to have is handed on to the server.
            "auth_type": postgres.options.password == nil ? "trust" : "scram-sha-256",
            "auth_file": "\(folder)/\(users)",
            "auth_user": "postgres",
            "server_tls_sslmode": "disable",
        ]
        let lines = ours.merging(settings) { _, theirs in theirs }.sorted { $0.key < $1.key }.map { "\($0) = \($1)" }
        return """
            [databases]
            * = host=127.0.0.1 port=\(serverPort ?? postgres.port)
            [pgbouncer]
            \(lines.joined(separator: "\n"))

            """
    }

    private static func userList(of postgres: LocalPostgres) -> String {
        "\"postgres\" \(LocalPostgres.quoted(postgres.options.password ?? "", doubling: ["\""]))\n"
    }
}

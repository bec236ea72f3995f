internal import Formatting
import Glibc
import Synchronization

/// A real PostgreSQL server of our own, on a free port of 127.0.0.1, with an empty cluster.
///
/// It runs until it is stopped or closed, its workspace is closed, or this process ends; never longer. Dropping the
/// value does not stop it. It is tuned for quick starts, not for keeping data through a power failure (`fsync=off`).
public final class LocalPostgres: Sendable {
    /// How a server is to be set up; the defaults serve most tests.
    public struct Options: Hashable, Sendable {
        /// The TCP port; nil for a free one.
        public var port: Int?
        /// The cluster's encoding, in PostgreSQL's words.
        public var encoding = "UTF8"
        /// The cluster's locale.
        public var locale = "C"
        /// The password of the user `postgres`, and of roles that are made without one by ``LocalPostgres/run(sql:database:)``.
        /// Connections over TCP need it, by SCRAM-SHA-256; with nil everybody on this machine gets in. Those over the unix
        /// socket, whose folder is closed to other users, are trusted.
        public var password: String? = LocalPassword.ofThisProcess
        /// Whether to offer TLS, with certificates made for it.
        public var tls = false
        /// The folder with `initdb`, `postgres` and `psql`; nil for the newest PostgreSQL installed.
        public var programs: String?
        /// More lines for `postgresql.conf`, such as `wal_level=minimal`; they win over ours.
        public var configuration: [String] = []

        /// The defaults.
        public init() {}
    }

    /// The TCP port; also part of the unix socket's name.
    public let port: Int
    /// The folder of the unix socket, as libpq's `host` wants it.
    public let socketFolder: String
    /// The certificates; nil without ``Options/tls``.
    public let certificates: LocalCertificates?
    /// What the server printed, from all its runs.
    public let logPath: String

    let options: Options
    let programs: String
    private let workspace: Workspace
    private let ownsWorkspace: Bool
    private let child = Mutex<ChildProcess?>(nil)
    private let lastDatabase = Mutex(0)

    var dataFolder: String { "\(socketFolder)/data" }

    /// The process id of the postmaster; nil while the server is stopped.
    public var pid: Int32? { child.withLock { $0?.isRunning == true ? $0?.pid : nil } }
    /// Whether the server's process is there.
    public var isRunning: Bool { pid != nil }

    /// `postgresql://USER:PASSWORD@127.0.0.1:PORT/DATABASE`, with the server's password if there is one.
    public func url(database: String = "postgres", user: String = "postgres") -> String {
        url(database: database, user: user, port: port)
    }

    /// The same at another address, such as a proxy's.
    public func url(
        database: String = "postgres", user: String = "postgres", host: String = "127.0.0.1", port: Int
    ) -> String {
        let password = options.password.map { ":\(PercentEncoding.encode($0))" } ?? ""
        let name = PercentEncoding.encode(user)
        return "postgresql://\(name)\(password)@\(host):\(port)/\(PercentEncoding.encode(database))"
    }

    /// Starts a server and returns when it accepts connections.
    ///
    /// - Parameter workspace: Where its files are kept; nil for a workspace of its own.
    /// - Throws: ``LocalStackError``: `missingProgram`, or `failedToStart` with the last lines of the server's log.
    public static func start(
        _ options: Options = Options(), in workspace: Workspace? = nil
    ) async throws -> LocalPostgres {
        try await start(options, from: .emptyCluster, in: workspace)
    }

    static func start(_ options: Options, from origin: Origin, in workspace: Workspace?) async throws -> LocalPostgres {
        let programs = try Programs.postgresFolder(options.programs)
        let home: Workspace
        if let workspace { home = workspace } else { home = try await Workspace.create(prefix: "postgres") }
        do {
            let certificates = options.tls ? try await LocalCertificates.create(in: home) : nil
            var attempt = 1
            while true {
                let postgres = LocalPostgres(
                    options: options, programs: programs, port: try options.port ?? freePort(),
                    folder: try home.makeFolder("postgres"), certificates: certificates, workspace: home,
                    ownsWorkspace: workspace == nil)
                home.beforeClosing { await postgres.discard() }
                do {
                    try await postgres.initialize(from: origin)
                    return postgres
                } catch let error as LocalStackError
                    where options.port == nil && attempt < 5 && error.message.contains("Address already in use")
                {
                    attempt += 1  // somebody else was quicker to take the port
                }
            }
        } catch {
            if workspace == nil { await home.close() }
            throw error
        }
    }

    /// The one server that all who ask in this process share, each best with a database of its own
    /// (``createDatabase(_:encoding:)``). It runs until the process ends.
    public static func shared() async throws -> LocalPostgres { try await sharedServer.value }
    private static let sharedServer = Task { try await start() }

    /// Starts a server, lets `body` use it, and closes it whatever happens.
    public static func withServer<Result>(
        _ options: Options = Options(), _ body: (LocalPostgres) async throws -> Result
    ) async throws -> Result {
        let postgres = try await start(options)
        do {
            let result = try await body(postgres)
            await postgres.close()
            return result
        } catch {
            await postgres.close()
            throw error
        }
    }

    private init(
        options: Options, programs: String, port: Int, folder: String, certificates: LocalCertificates?,
        workspace: Workspace, ownsWorkspace: Bool
    ) {
        self.options = options
        self.programs = programs
        self.port = port
        self.socketFolder = folder
        self.certificates = certificates
        self.logPath = "\(folder)/postgres.log"
        self.workspace = workspace
        self.ownsWorkspace = ownsWorkspace
    }

    // MARK: Its contents

    /// Creates a database and answers its URL.
    ///
    /// - Parameters:
    ///   - name: Its name; nil for a new one.
    ///   - encoding: Its encoding if that differs from the cluster's; its locale is then `C`.
    /// - Throws: ``LocalStackError`` with `commandFailed`.
    public func createDatabase(_ name: String? = nil, encoding: String? = nil) async throws -> String {
        let name =
            name
            ?? lastDatabase.withLock { number in
                number += 1
                return "database_\(number)"
            }
        let kind = encoding.map { " template template0 encoding '\($0)' lc_collate 'C' lc_ctype 'C'" } ?? ""
        try await run(sql: "create database \(Self.quoted(name, doubling: ["\""]))\(kind)")
        return url(database: name)
    }

    /// Runs SQL, one statement or several, through `psql` as the user `postgres`. Roles that it makes without a password
    /// get the server's, so that ``url(database:user:)`` lets them in.
    ///
    /// - Returns: the rows, one a line, columns separated by `|`, without a final newline.
    /// - Throws: ``LocalStackError`` with `commandFailed` and the server's words at the first statement that fails.
    @discardableResult
    public func run(sql: String, database: String = "postgres") async throws -> String {
        let output = try await Command.run(
            Launch(
                executable: "\(programs)/psql",
                arguments: [
                    "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1",
                    "--host=\(socketFolder)", "--port=\(port)", "--username=postgres", "--dbname=\(database)",
                ]), input: Self.makesRoles(sql) ? "\(sql)\n;\(passwords ?? "")" : sql)
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }

    private static func makesRoles(_ sql: String) -> Bool {
        let sql = sql.lowercased()
        return sql.contains("create role") || sql.contains("create user")
    }

    /// Gives the server's password to all roles that have none.
    private var passwords: String? {
        guard let password = options.password else { return nil }
        return """
            \\set password \(Self.quoted(password))
            select format('alter role %I password %L', rolname, :'password')
            from pg_authid where rolpassword is null and rolname !~ '^pg_' \\gexec
            """
    }

    // MARK: Its life

    /// Sends the postmaster a signal. Stopping it (SIGSTOP) stops new connections; those that are open have processes
    /// of their own, see ``signalAll(_:)``.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning`.
    public func signal(_ number: Int32) throws {
        try running().signal(number)
    }

    /// Sends a signal to the postmaster and all its processes: SIGSTOP makes the whole server hang, SIGCONT wakes it.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning`.
    public func signalAll(_ number: Int32) throws {
        let postmaster = try running()
        try postmaster.signal(number)
        for pid in Self.children(of: postmaster.pid) { Glibc.kill(pid, number) }
    }

    /// Ends the server (a fast shutdown: open connections are cut), kills it after five seconds. Its files stay, for
    /// ``restart()``.
    public func stop() async {
        await end(with: SIGINT, grace: .seconds(5))
    }

    /// Kills the server with all its processes (SIGKILL), as a crash of the machine would. Its files stay, for
    /// ``restart()``.
    public func kill() async {
        guard let postmaster = child.withLock({ $0 }), postmaster.isRunning else { return }
        // Stopped first, it can start no more processes while its present ones are being listed.
        try? postmaster.signal(SIGSTOP)
        let children = Self.children(of: postmaster.pid)
        await postmaster.kill()
        for pid in children { Glibc.kill(pid, SIGKILL) }
    }

    /// Stops the server if it runs, and starts it with the same port and files.
    ///
    /// - Throws: ``LocalStackError`` with `failedToStart`.
    public func restart() async throws {
        await stop()
        var attempt = 1
        while true {
            do {
                return try await launch()
            } catch let error as LocalStackError
                where attempt < 50 && error.message.contains("shared memory block")
            {
                // Processes of a killed server may take a moment to be gone.
                attempt += 1
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Ends the server for good; removes its files if it has a workspace of its own.
    public func close() async {
        await discard()
        if ownsWorkspace { await workspace.close() }
    }

    /// Ends a server whose data nobody needs any more: it takes no time to write them down.
    private func discard() async {
        await end(with: SIGQUIT, grace: .seconds(2))
    }

    private func end(with signal: Int32, grace: Duration) async {
        guard let postmaster = child.withLock({ $0 }), postmaster.isRunning else { return }
        // Whatever is stopped must wake up to hear the signal.
        for pid in Self.children(of: postmaster.pid) { Glibc.kill(pid, SIGCONT) }
        try? postmaster.signal(signal)
        try? postmaster.signal(SIGCONT)
        if await postmaster.wait(atMost: grace) == nil { await kill() }
    }

    private func running() throws -> ChildProcess {
        guard let running = child.withLock({ $0 }) else {
            throw LocalStackError(.notRunning, "the PostgreSQL on port \(port) is not running")
        }
        return running
    }

    private func initialize(from origin: Origin) async throws {
        switch origin {
        case .emptyCluster:
            let kind = ClusterTemplate.Kind(
                programs: programs, encoding: options.encoding, locale: options.locale)
            try await ClusterTemplate.shared.copy(kind, to: dataFolder)
        case .primary(let primary): try await primary.backUp(to: dataFolder)
        }
        try Files.write(configurationFile, to: "\(dataFolder)/postgresql.conf", owner: .forServers)
        try Files.write(accessFile, to: "\(dataFolder)/pg_hba.conf", owner: .forServers)
        try await launch()
        if case .emptyCluster = origin, let passwords { try await run(sql: passwords) }
    }

    private func launch() async throws {
        let logged = Files.size(logPath)
        let started = try await ChildProcess.start(
            Launch(
                executable: "\(programs)/postgres", arguments: ["-D", dataFolder], workingDirectory: socketFolder,
                user: .forServers, output: .file(logPath), farewell: .quit))
        child.withLock { $0 = started }
        do {
            let ready: Bool? = try await poll(for: .seconds(60)) {
                if Self.isReady(dataFolder, pid: started.pid) { return true }
                return started.isRunning ? nil : false
            }
            guard ready == true else {
                let said = Files.readTail(logPath, limit: min(4096, Files.size(logPath) - logged)) ?? ""
                throw LocalStackError(.failedToStart, "PostgreSQL did not start:\n\(said)")
            }
        } catch {
            await kill()
            throw error
        }
    }

    /// What `pg_ctl` looks at: the eighth line of the lock file says `ready` when connections are accepted.
    private static func isReady(_ dataFolder: String, pid: Int32) -> Bool {
        guard let text = Files.readTail("\(dataFolder)/postmaster.pid") else { return false }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count > 7 && lines[0] == "\(pid)" && lines[7].hasPrefix("ready")
    }

    private static func children(of pid: Int32) -> [Int32] {
        let list = Files.readTail("/proc/\(pid)/task/\(pid)/children") ?? ""
        return list.split(separator: " ").compactMap { Int32($0) }
    }
}

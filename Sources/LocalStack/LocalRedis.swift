internal import Formatting
import Synchronization

/// A real `redis-server` of our own, on a free port of 127.0.0.1, with a data folder of its own.
///
/// It runs until it is stopped or closed, its workspace is closed, or this process ends; never longer. Dropping the
/// value does not stop it.
public final class LocalRedis: Sendable {
    /// How a server is to be set up; the defaults serve most tests.
    public struct Options: Hashable, Sendable {
        /// The TCP port; nil for a free one.
        public var port: Int?
        /// Whether to listen for TLS too, on a second port, with certificates made for it.
        public var tls = false
        /// Whether TLS clients must show a certificate.
        public var requiresClientCertificate = false
        /// The password of the user `default`, and of the server that this one may be told to follow. With nil
        /// everybody on this machine gets in.
        public var password: String? = LocalPassword.ofThisProcess
        /// Users in Redis' own words, without the leading `user`: `"app on >secret ~app:* +@all"`.
        public var aclLines: [String] = []
        /// How many databases there are.
        public var databases = 16
        /// Whether to keep an append-only file, so that data survives ``LocalRedis/kill()``. Otherwise data survives a
        /// restart only as of the last `SAVE` command.
        public var appendOnly = false
        /// More lines for the configuration file; they win over ours.
        public var configuration: [String] = []
        /// Another server program, as a path or a name in `PATH`.
        public var executable = "redis-server"

        /// The defaults.
        public init() {}
    }

    /// The port for plain connections.
    public let port: Int
    /// The port for TLS; nil without ``Options/tls``.
    public let tlsPort: Int?
    /// The certificates; nil without ``Options/tls``.
    public let certificates: LocalCertificates?
    /// The unix socket; there always is one.
    public let socketPath: String
    /// What the server printed, from all its runs.
    public let logPath: String

    private let options: Options
    private let executable: String
    private let folder: String
    private let workspace: Workspace
    private let ownsWorkspace: Bool
    private let child = Mutex<ChildProcess?>(nil)

    /// `redis://:PASSWORD@127.0.0.1:PORT/0`, without what precedes the address if there is no password.
    public var url: String { url(port: port) }
    /// The same at another address, such as a proxy's.
    public func url(host: String = "127.0.0.1", port: Int) -> String { "redis://\(credentials)\(host):\(port)/0" }
    /// The URL without password, as Baton's messages show it and `redis-cli -u` takes it, which reads one with a password
    /// and no name as that of a user without name.
    public var address: String { "redis://127.0.0.1:\(port)/0" }
    /// The password of the user `default`; nil if it needs none.
    public var password: String? { options.password }
    /// What `redis-cli` must be told so that it gets in, in variables that other users don't see.
    public var environment: [String: String?] { ["REDISCLI_AUTH": options.password] }
    /// `rediss://localhost:PORT/0`, with the password if there is one; nil without ``Options/tls``.
    public var tlsURL: String? { tlsPort.map { "rediss://\(credentials)localhost:\($0)/0" } }
    /// `unix:///path/of/the/socket`, with the password if there is one.
    public var unixURL: String { "unix://\(credentials)\(socketPath)" }
    /// The process id; nil while the server is stopped.
    public var pid: Int32? { child.withLock { $0?.isRunning == true ? $0?.pid : nil } }
    /// Whether the server's process is there.
    public var isRunning: Bool { pid != nil }

    private var credentials: String { options.password.map { ":\(PercentEncoding.encode($0))@" } ?? "" }

    /// Starts a server and returns when it answers.
    ///
    /// - Parameter workspace: Where its files are kept; nil for a workspace of its own.
    /// - Throws: ``LocalStackError``: `missingProgram`, or `failedToStart` with the last lines of the server's log.
    public static func start(
        _ options: Options = Options(), in workspace: Workspace? = nil
    ) async throws -> LocalRedis {
        let executable = try Programs.find(options.executable, package: "redis-server")
        let home: Workspace
        if let workspace { home = workspace } else { home = try await Workspace.create(prefix: "redis") }
        do {
            let certificates = options.tls ? try await LocalCertificates.create(in: home) : nil
            var attempt = 1
            while true {
                let redis = LocalRedis(
                    options: options, executable: executable, port: try options.port ?? freePort(),
                    tlsPort: options.tls ? try freePort() : nil, certificates: certificates,
                    folder: try home.makeFolder("redis"), workspace: home, ownsWorkspace: workspace == nil)
                home.beforeClosing { await redis.kill() }
                do {
                    try await redis.launch()
                    return redis
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

    /// Starts a server, lets `body` use it, and closes it whatever happens.
    public static func withServer<Result>(
        _ options: Options = Options(), _ body: (LocalRedis) async throws -> Result
    ) async throws -> Result {
        let redis = try await start(options)
        do {
            let result = try await body(redis)
            await redis.close()
            return result
        } catch {
            await redis.close()
            throw error
        }
    }

    private init(
        options: Options, executable: String, port: Int, tlsPort: Int?, certificates: LocalCertificates?,
        folder: String, workspace: Workspace, ownsWorkspace: Bool
    ) {
        self.options = options
        self.executable = executable
        self.port = port
        self.tlsPort = tlsPort
        self.certificates = certificates
        self.folder = folder
        self.socketPath = "\(folder)/redis.sock"
        self.logPath = "\(folder)/redis.log"
        self.workspace = workspace
        self.ownsWorkspace = ownsWorkspace
    }

    // MARK: Its life

    /// Sends the server a signal, for example `SIGSTOP`.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning`.
    public func signal(_ number: Int32) throws {
        guard let running = child.withLock({ $0 }) else {
            throw LocalStackError(.notRunning, "the redis-server on port \(port) is not running")
        }
        try running.signal(number)
    }

    /// Asks the server to end (SIGTERM), kills it after five seconds. Its files stay, for ``restart()``.
    public func stop() async {
        await child.withLock { $0 }?.terminate()
    }

    /// Kills the server (SIGKILL). Its files stay, for ``restart()``.
    public func kill() async {
        await child.withLock { $0 }?.kill()
    }

    /// Stops the server if it runs, and starts it with the same ports and files.
    ///
    /// - Throws: ``LocalStackError`` with `failedToStart`.
    public func restart() async throws {
        await stop()
        try await launch()
    }

    /// Ends the server for good; removes its files if it has a workspace of its own.
    public func close() async {
        await kill()
        if ownsWorkspace { await workspace.close() }
    }

    private func launch() async throws {
        let file = "\(folder)/redis.conf"
        try Files.write(configurationFile, to: file, owner: .forServers)
        let logged = Files.size(logPath)
        let started = try await ChildProcess.start(
            Launch(
                executable: executable, arguments: [file], workingDirectory: folder, user: .forServers,
                output: .file(logPath)))
        child.withLock { $0 = started }
        // The socket lies in a folder of ours, so whoever answers there is our server; it listens there last.
        do {
            let ready: Bool? = try await poll(for: .seconds(30)) {
                if await RedisProbe.answers(at: socketPath) { return true }
                return started.isRunning ? nil : false
            }
            guard ready == true else {
                let said = Files.readTail(logPath, limit: min(4096, Files.size(logPath) - logged)) ?? ""
                throw LocalStackError(.failedToStart, "redis-server did not start:\n\(said)")
            }
        } catch {
            await started.kill()
            throw error
        }
    }

    private var configurationFile: String {
        var lines = [
            "port \(port)",
            "bind 127.0.0.1 -::1",
            "unixsocket \(Self.quoted(socketPath))",
            "unixsocketperm 700",
            "dir \(Self.quoted(folder))",
            "databases \(options.databases)",
            "save \"\"",
            "appendonly \(options.appendOnly ? "yes" : "no")",
            "always-show-logo no",
            "tcp-backlog 128",
            "set-proc-title no",  // a new title would be written over the environment, and with it the guardian's mark
        ]
        if let tlsPort, let certificates {
            lines += [
                "tls-port \(tlsPort)",
                "tls-ca-cert-file \(Self.quoted(certificates.ca))",
                "tls-cert-file \(Self.quoted(certificates.serverCertificate))",
                "tls-key-file \(Self.quoted(certificates.serverKey))",
                "tls-auth-clients \(options.requiresClientCertificate ? "yes" : "optional")",
            ]
        }
        if let password = options.password {
            lines += ["requirepass \(Self.quoted(password))", "masterauth \(Self.quoted(password))"]
        }
        lines += options.aclLines.map { "user \($0)" }
        lines += options.configuration
        return lines.joined(separator: "\n") + "\n"
    }

    /// A word of the configuration file, whatever it holds: each byte that is not a letter or digit is escaped.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for byte in text.utf8 {
            let isPlain =
                byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                || byte | 0x20 >= UInt8(ascii: "a")
                    && byte | 0x20 <= UInt8(ascii: "z")
            quoted += isPlain ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return quoted + "\""
    }
}

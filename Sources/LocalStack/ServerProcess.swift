import Synchronization

/// A server program of ours with a configuration file in a folder of its own, on a free port of 127.0.0.1.
///
/// It runs until it is stopped or closed, its workspace is closed, or this process ends; never longer.
final class ServerProcess: Sendable {
    /// The facts about a kind of server.
    struct Kind: Sendable {
        /// Its program, as a name in `PATH`; also the package that holds it.
        var program: String
        /// Its arguments, given the path of its configuration file.
        var arguments: @Sendable (_ file: String) -> [String]
        /// Whether it serves, given what it printed since its start and its folder.
        var isReady: @Sendable (_ printed: String, _ folder: String) async -> Bool
    }

    let port: Int
    let folder: String
    /// What the server printed, from all its runs.
    var logPath: String { "\(folder)/\(kind.program).log" }
    /// nil while the server is stopped.
    var pid: Int32? { child.withLock { $0?.isRunning == true ? $0?.pid : nil } }

    private let kind: Kind
    private let executable: String
    private let workspace: Workspace
    private let ownsWorkspace: Bool
    private let child = Mutex<ChildProcess?>(nil)

    /// Starts a server and returns when it serves.
    ///
    /// - Parameters:
    ///   - port: Where it listens; nil for a free port.
    ///   - workspace: Where its files are kept; nil for a workspace of its own.
    ///   - files: Its files by name, given its port and folder; ``configurationFile`` is the one that it is started with.
    static func start(
        _ kind: Kind, port: Int?, in workspace: Workspace?,
        files: @Sendable (_ port: Int, _ folder: String) -> [String: String]
    ) async throws -> ServerProcess {
        let executable = try Programs.find(kind.program, package: kind.program)
        let home: Workspace
        if let workspace { home = workspace } else { home = try await Workspace.create(prefix: kind.program) }
        do {
            var attempt = 1
            while true {
                let server = ServerProcess(
                    kind, executable: executable, port: try port ?? freePort(),
                    folder: try home.makeFolder(kind.program), workspace: home, ownsWorkspace: workspace == nil)
                home.beforeClosing { await server.kill() }
                do {
                    try server.write(files(server.port, server.folder))
                    try await server.launch()
                    return server
                } catch let error as LocalStackError
                    where port == nil && attempt < 5 && error.message.contains("Address already in use")
                {
                    attempt += 1  // somebody else was quicker to take the port
                }
            }
        } catch {
            if workspace == nil { await home.close() }
            throw error
        }
    }

    /// The name of the file that the server is started with.
    static let configurationFile = "server.conf"

    private init(
        _ kind: Kind, executable: String, port: Int, folder: String, workspace: Workspace, ownsWorkspace: Bool
    ) {
        self.kind = kind
        self.executable = executable
        self.port = port
        self.folder = folder
        self.workspace = workspace
        self.ownsWorkspace = ownsWorkspace
    }

    /// Writes or replaces files of the server, by name.
    func write(_ files: [String: String]) throws {
        for (name, text) in files { try Files.write(text, to: "\(folder)/\(name)", owner: .forServers) }
    }

    func signal(_ number: Int32) throws {
        guard let running = child.withLock({ $0 }) else {
            throw LocalStackError(.notRunning, "the \(kind.program) on port \(port) is not running")
        }
        try running.signal(number)
    }

    /// Kills the server (SIGKILL). Its files stay, for ``restart()``.
    func kill() async {
        await child.withLock { $0 }?.kill()
    }

    /// Kills the server if it runs, and starts it with the same port and files.
    func restart() async throws {
        await kill()
        try await launch()
    }

    /// Ends the server for good; removes its files if it has a workspace of its own.
    func close() async {
        await kill()
        if ownsWorkspace { await workspace.close() }
    }

    private func launch() async throws {
        let logged = Files.size(logPath)
        let started = try await ChildProcess.start(
            Launch(
                executable: executable, arguments: kind.arguments("\(folder)/\(Self.configurationFile)"),
                workingDirectory: folder, user: .forServers, output: .file(logPath)))
        child.withLock { $0 = started }
        do {
            let ready: Bool? = try await poll(for: .seconds(30)) {
                if await kind.isReady(printed(since: logged), folder) { return true }
                return started.isRunning ? nil : false
            }
            guard ready == true else {
                throw LocalStackError(
                    .failedToStart, "\(kind.program) did not start:\n\(printed(since: logged))")
            }
        } catch {
            await started.kill()
            throw error
        }
    }

    /// The last 4 KiB at most of what the server printed after its log had that many bytes.
    private func printed(since size: Int) -> String {
        Files.readTail(logPath, limit: min(4096, Files.size(logPath) - size)) ?? ""
    }
}

/// A real HAProxy of our own, which passes TCP connections from a free port of 127.0.0.1 on to servers there.
///
/// It runs until it is stopped or closed, its workspace is closed, or this process ends; never longer.
public final class LocalHAProxy: Sendable {
    /// The TCP port that it listens on.
    public var port: Int { process.port }
    /// What it printed, from all its runs.
    public var logPath: String { process.logPath }
    /// Whether its process is there.
    public var isRunning: Bool { process.pid != nil }

    private let process: ServerProcess

    /// Starts a proxy and returns when it accepts connections.
    ///
    /// - Parameters:
    ///   - ports: The servers' ports on 127.0.0.1, at most four; each new connection goes to the next of them in turn.
    ///   - workspace: Where its files are kept; nil for a workspace of its own.
    /// - Throws: ``LocalStackError``: `missingProgram`, or `failedToStart` with the last lines of its log.
    public static func start(to ports: [Int], in workspace: Workspace? = nil) async throws -> LocalHAProxy {
        let process = try await ServerProcess.start(kind, port: nil, in: workspace) { port, folder in
            [ServerProcess.configurationFile: configuration(port: port, folder: folder)]
        }
        let proxy = LocalHAProxy(process)
        do {
            try await proxy.direct(to: ports)
            return proxy
        } catch {
            await proxy.close()
            throw error
        }
    }

    /// Starts a proxy, lets `body` use it, and closes it whatever happens.
    public static func withServer<Result>(
        to ports: [Int], _ body: (LocalHAProxy) async throws -> Result
    ) async throws -> Result {
        let proxy = try await start(to: ports)
        do {
            let result = try await body(proxy)
            await proxy.close()
            return result
        } catch {
            await proxy.close()
            throw error
        }
    }

    private init(_ process: ServerProcess) { self.process = process }

    /// Lets new connections go to these servers, and only new ones: those that are open stay where they are. With no
    /// server at all, new connections are accepted and closed at once.
    ///
    /// - Throws: ``LocalStackError`` with `commandFailed` and what the proxy answers.
    public func direct(to ports: [Int]) async throws {
        precondition(ports.count <= Self.places, "the proxy has \(Self.places) places for servers")
        for (place, port) in ports.enumerated() {
            try await ask("set server servers/s\(place + 1) addr 127.0.0.1 port \(port)", expecting: "change")
            try await ask("set server servers/s\(place + 1) state ready")
        }
        for place in ports.count..<Self.places { try await ask("set server servers/s\(place + 1) state maint") }
    }

    /// Cuts all connections that are open.
    ///
    /// - Throws: ``LocalStackError`` with `commandFailed` and what the proxy answers.
    public func cut() async throws {
        for place in 0..<Self.places { try await ask("shutdown sessions server servers/s\(place + 1)") }
    }

    // MARK: Its life

    /// Sends the proxy a signal, for example `SIGSTOP`: everything that goes through it then hangs.
    ///
    /// - Throws: ``LocalStackError`` with `notRunning`.
    public func signal(_ number: Int32) throws { try process.signal(number) }

    /// Kills the proxy; all connections are cut.
    public func kill() async { await process.kill() }

    /// Kills the proxy if it runs, and starts it with the same port. It then knows no server, see ``direct(to:)``.
    ///
    /// - Throws: ``LocalStackError`` with `failedToStart`.
    public func restart() async throws { try await process.restart() }

    /// Ends the proxy for good; removes its files if it has a workspace of its own.
    public func close() async { await process.close() }

    // MARK: Its files

    private static let places = 4
    private static let socket = "admin.sock"
    private static let kind = ServerProcess.Kind(
        program: "haproxy", arguments: { ["-db", "-f", $0] },
        // The socket is opened together with the port, in a folder of ours.
        isReady: { _, folder in await UnixSocket.ask("show info\n", at: "\(folder)/\(socket)") != nil })

    private static func configuration(port: Int, folder: String) -> String {
        """
        global
            stats socket \(folder)/\(socket) mode 600 level admin
        defaults
            mode tcp
            timeout connect 5s
            timeout client 1h
            timeout server 1h
        listen servers
            bind 127.0.0.1:\(port)
            balance roundrobin
            server-template s \(places) 127.0.0.1:1 disabled

        """
    }

    private func ask(_ command: String, expecting word: String? = nil) async throws {
        let answer = await UnixSocket.ask("\(command)\n", at: "\(process.folder)/\(Self.socket)")
        let words = answer.map { String(decoding: $0, as: UTF8.self) }?.trimmingNewlines
        if let words, word.map({ words.contains($0) }) ?? words.isEmpty { return }
        throw LocalStackError(.commandFailed, "haproxy answers `\(command)` with: \(words ?? "nothing")")
    }
}

extension String {
    fileprivate var trimmingNewlines: String {
        var rest = self[...]
        while rest.unicodeScalars.last == "\n" { rest.unicodeScalars.removeLast() }
        return String(rest)
    }
}

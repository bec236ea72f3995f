import Glibc
import Synchronization

/// A temporary folder and the servers that live in it.
///
/// Closing it stops the servers and removes the folder. When this process ends without doing so, even by SIGKILL, the
/// same is done for it.
public final class Workspace: Sendable {
    /// The folder. Other users may pass through it, but not list it.
    public let path: String

    private struct State {
        var closed = false
        var folders = 0
        var farewells: [@Sendable () async -> Void] = []
    }
    private let state = Mutex(State())

    private init(path: String) { self.path = path }

    /// Makes a new folder under `TMPDIR` or `/tmp`.
    ///
    /// - Parameter prefix: Begins the folder's name, so that people see whose it is.
    public static func create(prefix: String = "localstack") async throws -> Workspace {
        let guardian = try await Guardian.shared()
        let name = String(UInt64.random(in: .min ... .max), radix: 36)
        let path = "\(Self.temporaryFolder)/\(prefix)-\(name)"
        // Told before it is there: this process may be killed at any moment.
        guardian.watch(folder: path)
        do {
            try Files.makeFolder(path, mode: 0o711)
        } catch {
            guardian.forget(folder: path)
            throw error
        }
        return Workspace(path: path)
    }

    /// Stops all servers in it and removes the folder. Closing twice is harmless.
    public func close() async {
        let farewells = state.withLock { state in
            defer { (state.closed, state.farewells) = (true, []) }
            return state.farewells
        }
        // Cancellation must not leave anything behind, so the work is done by a task of its own.
        await Task { [path] in
            await withTaskGroup(of: Void.self) { group in
                for farewell in farewells { group.addTask { await farewell() } }
            }
            guard Files.exists(path), let guardian = try? await Guardian.shared() else { return }
            let removal = Guardian.removal + "\nremove \"$1\""
            // What cannot be removed now stays on the guardian's list.
            guard
                (try? await Command.run(Launch(executable: "/bin/sh", arguments: ["-c", removal, "sh", path]))) != nil
            else { return }
            guardian.forget(folder: path)
        }.value
    }

    /// Writes a file into the workspace that only this user may read.
    ///
    /// - Returns: its path.
    /// - Throws: ``LocalStackError`` with `system`.
    public func write(_ text: String, to name: String) throws(LocalStackError) -> String {
        let file = "\(path)/\(name)"
        try Files.write(text, to: file)
        return file
    }

    /// Registers what is to be done first when the workspace is closed.
    func beforeClosing(_ farewell: @escaping @Sendable () async -> Void) {
        state.withLock { $0.farewells.append(farewell) }
    }

    /// Makes a folder in the workspace for a server, owned by the user whom servers run as, and closed to all others.
    func makeFolder(_ name: String, mode: mode_t = 0o700) throws(LocalStackError) -> String {
        let (closed, number) = state.withLock { state in
            state.folders += 1
            return (state.closed, state.folders)
        }
        guard !closed else { throw LocalStackError(.notRunning, "the workspace \(path) is closed") }
        let folder = "\(path)/\(name)-\(number)"
        try Files.makeFolder(folder, mode: mode, owner: .forServers)
        return folder
    }

    /// `TMPDIR`, if it serves: short enough for the names of unix sockets (107 bytes), and open to the servers' user.
    private static var temporaryFolder: String {
        guard let folder = Programs.environment("TMPDIR"), folder.hasPrefix("/"), folder.utf8.count < 50 else {
            return "/tmp"
        }
        var parent = ""
        for part in folder.split(separator: "/") {
            parent += "/\(part)"
            var status = stat()
            let mayPass = mode_t(S_IXOTH)
            guard stat(parent, &status) == 0, ServerUser.forServers == nil || status.st_mode & mayPass != 0 else {
                return "/tmp"
            }
        }
        return parent.isEmpty ? "/tmp" : parent
    }
}

/// Its files, kept and put back as an administrator does it while the server is stopped.
extension LocalPostgres {
    private var keptFolder: String { "\(socketFolder)/kept" }

    /// Keeps a copy of the files of a server that is stopped, in place of an earlier one.
    ///
    /// - Throws: ``LocalStackError`` with `commandFailed`.
    public func keepFiles() async throws {
        try await copy(dataFolder, to: keptFolder)
    }

    /// Stops the server, puts the files back that were kept, and starts it: what was committed since is lost, as when
    /// a backup is restored.
    ///
    /// - Throws: ``LocalStackError`` with `commandFailed` or `failedToStart`.
    public func restoreFiles() async throws {
        await stop()
        try await copy(keptFolder, to: dataFolder)
        try await restart()
    }

    private func copy(_ source: String, to destination: String) async throws {
        try await execute("rm", "-rf", destination)
        try await execute("cp", "-a", source, destination)
    }

    private func execute(_ program: String, _ arguments: String...) async throws {
        try await Command.run(
            Launch(
                executable: "/bin/\(program)", arguments: arguments, workingDirectory: socketFolder, user: .forServers))
    }
}

/// A streaming standby.
extension LocalPostgres {
    /// Where the files of a new server come from.
    enum Origin: Sendable {
        /// The files of `initdb`.
        case emptyCluster
        /// The files of a running server, which it follows from then on.
        case primary(LocalPostgres)
    }

    /// Starts a standby of this server, which follows it by streaming and answers queries. It is set up like this one,
    /// on a free port.
    ///
    /// - Throws: ``LocalStackError``: `commandFailed` with what `pg_basebackup` says, or as `start` does.
    public func startStandby() async throws -> LocalPostgres {
        var options = options
        options.port = nil
        return try await Self.start(options, from: .primary(self), in: nil)
    }

    /// Waits until a standby shows all that is committed now.
    ///
    /// - Throws: ``LocalStackError`` with `commandFailed` if it does not within `limit`.
    public func wait(for standby: LocalPostgres, within limit: Duration = .seconds(30)) async throws {
        // Only what was written out is sent to a standby, and commits may not wait for that.
        let position =
            try await run(
                sql:
                    "set synchronous_commit = local; select pg_logical_emit_message(true, '', ''); select pg_current_wal_flush_lsn()"
            ).split(separator: "\n").last.map { String($0) } ?? ""
        let isReached = "select pg_last_wal_replay_lsn() >= '\(position)'"
        let reached: Bool? = try await poll(for: limit) {
            try await standby.run(sql: isReached) == "t" ? true : nil
        }
        guard reached == true else {
            throw LocalStackError(.commandFailed, "the standby on port \(standby.port) is not at \(position) in time")
        }
    }

    /// Makes a standby a server of its own, as a failover does, and returns when it takes writes. The server that it
    /// followed is left as it is.
    ///
    /// - Throws: ``LocalStackError`` with `commandFailed` if it is no standby, or does not finish within a minute.
    public func promote() async throws {
        guard try await run(sql: "select pg_promote(true, 60)") == "t" else {
            throw LocalStackError(.commandFailed, "the standby on port \(port) was not promoted within a minute")
        }
    }

    /// Copies this server's files to `destination`, with what a standby needs to follow it.
    func backUp(to destination: String) async throws {
        try await Command.run(
            Launch(
                executable: "\(programs)/pg_basebackup",
                arguments: [
                    "--pgdata=\(destination)", "--host=\(socketFolder)", "--port=\(port)", "--username=postgres",
                    "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync",
                ], workingDirectory: socketFolder, user: .forServers))
    }
}

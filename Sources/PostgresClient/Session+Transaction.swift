internal import CLibpq

extension Session {
    /// Whether no transaction is open, so that a statement needs one of its own.
    var isIdle: Bool { PQtransactionStatus(pointer) == PQTRANS_IDLE }

    /// Begins a transaction in one round trip; after an error none is open.
    func begin(_ opening: TransactionSettings.Opening) throws(PostgresError) {
        do throws(PostgresError) {
            try runPipeline([settings.commands(for: opening)]) { (_) throws(PostgresError) in }
        } catch {
            if !isUnsettled, !isIdle { try end("ROLLBACK") }
            throw error
        }
    }

    /// `COMMIT` or `ROLLBACK`.
    func end(_ command: String) throws(PostgresError) {
        try sendScript(command)
        try collect { (_) throws(PostgresError) in }
    }

    /// Runs commands in a transaction of their own, in one round trip, or within the one that is open.
    func runInTransaction(
        _ commands: [Command], _ body: (borrowing ResultHandle) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        guard isIdle else { return try runPipeline([commands], body) }
        // The commit of a transaction that failed is a rollback.
        try runPipeline([settings.commands(for: .init()) + commands, [.run("COMMIT")]], body)
    }

    // MARK: For streams

    /// Begins a transaction for a stream, unless one is open.
    func beginOwnTransaction() throws(PostgresError) {
        guard isIdle else { return }
        try begin(.init())
        hasOwnTransaction = true
    }

    /// Ends the transaction that was begun for a stream, if there is one.
    func endOwnTransaction() throws(PostgresError) {
        guard hasOwnTransaction else { return }
        hasOwnTransaction = false
        if !isUnsettled { try end("COMMIT") }
    }
}

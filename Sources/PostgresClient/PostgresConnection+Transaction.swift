/// How much a transaction sees of what others commit meanwhile.
///
/// Source: <https://www.postgresql.org/docs/current/transaction-iso.html>.
public enum PostgresIsolation: String, CaseIterable, Sendable {
    /// Each statement has its own snapshot.
    case readCommitted = "READ COMMITTED"
    /// One snapshot, taken when the transaction begins, behind its locks.
    case repeatableRead = "REPEATABLE READ"
    /// One snapshot, and errors (SQLSTATE 40001) where no serial order would explain what was seen.
    case serializable = "SERIALIZABLE"
}

extension PostgresConnection {
    /// Begins a transaction under the configuration's settings, in one round trip. After an error none is open.
    ///
    /// - Parameters:
    ///   - isolation: One snapshot for everything by default.
    ///   - isWriting: Whether it may write although the configuration is read-only.
    ///   - statementTimeout: How long one statement may take; nil for the configuration's, zero for no limit.
    ///   - lockTimeout: How long to wait for a lock; zero for no limit.
    ///   - tables: Tables to lock against changes of their columns, as SQL writes their names.
    public nonisolated func begin(
        isolation: PostgresIsolation = .repeatableRead, writing isWriting: Bool = false,
        statementTimeout: Duration? = nil, lockTimeout: Duration = .zero, locking tables: [String] = []
    ) async throws(PostgresError) {
        let opening = TransactionSettings.Opening(
            isolation: isolation, isWriting: isWriting, statementTimeout: statementTimeout, lockTimeout: lockTimeout,
            tables: tables)
        try await perform { (session) throws(PostgresError) in
            guard session.isIdle else { throw .usage("A transaction is open already; end it first.") }
            return Step(try session.begin(opening))
        }
    }

    /// Ends the transaction; what it did is kept, unless a statement of it failed.
    public nonisolated func commit() async throws(PostgresError) {
        try await perform { (session) throws(PostgresError) in Step(try session.end("COMMIT")) }
    }

    /// Ends the transaction as if it had not been. A connection where that is not possible (the task is cancelled, or a
    /// stream of the transaction was left) is closed, which ends it as well.
    public nonisolated func rollBack() async {
        do throws(PostgresError) {
            try await perform { (session) throws(PostgresError) in Step(try session.end("ROLLBACK")) }
        } catch {
            await close()
        }
    }

    /// Runs `body` in a transaction that begins like ``begin(isolation:writing:statementTimeout:lockTimeout:locking:)``.
    ///
    /// The transaction is committed when `body` returns and rolled back when it throws.
    ///
    /// - Parameter body: Gets this connection; it must not keep a stream open when it returns.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` threw, or a ``PostgresError`` of beginning or committing.
    public nonisolated func transaction<Value>(
        isolation: PostgresIsolation = .repeatableRead, statementTimeout: Duration? = nil,
        lockTimeout: Duration = .zero, locking tables: [String] = [],
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await begin(
            isolation: isolation, statementTimeout: statementTimeout, lockTimeout: lockTimeout, locking: tables)
        do {
            let value = try await body(self)
            try await commit()
            return value
        } catch {
            await rollBack()
            throw error
        }
    }
}

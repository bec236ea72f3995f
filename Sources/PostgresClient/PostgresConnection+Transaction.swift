/// How much a transaction sees of what others commit meanwhile.
///
/// Source: <https://www.postgresql.org/docs/current/transaction-iso.html>.
public enum PostgresIsolation: String, CaseIterable, Sendable {
    /// Each statement has its own snapshot.
    case readCommitted = "READ COMMITTED"
    /// One snapshot, taken by the first statement that reads or writes.
    case repeatableRead = "REPEATABLE READ"
    /// One snapshot, and errors (SQLSTATE 40001) where no serial order would explain what was seen.
    case serializable = "SERIALIZABLE"
}

extension PostgresConnection {
    /// Runs `body` in a transaction that cannot write: a statement that tries is refused with SQLSTATE 25006.
    ///
    /// The transaction is committed when `body` returns and rolled back when it throws. If it cannot be rolled back
    /// (the task is cancelled, or a stream of the transaction was left) the connection is closed, which ends it as
    /// well.
    ///
    /// - Parameters:
    ///   - isolation: One snapshot for everything by default.
    ///   - body: Gets this connection; it must not keep a stream open when it returns.
    /// - Returns: What `body` returned.
    /// - Throws: What `body` threw, or a ``PostgresError`` of beginning or committing.
    public nonisolated func readOnlyTransaction<Value>(
        isolation: PostgresIsolation = .repeatableRead,
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await execute("BEGIN ISOLATION LEVEL \(isolation.rawValue), READ ONLY")
        let value: Value
        do {
            value = try await body(self)
            try await execute("COMMIT")
        } catch {
            do throws(PostgresError) {
                try await execute("ROLLBACK")
            } catch {
                await close()
            }
            throw error
        }
        return value
    }
}

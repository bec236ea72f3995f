/// The rows of a query, pulled chunk by chunk.
///
/// The server is read only as fast as ``next()`` is called, so memory stays bounded whatever the size of the result.
/// Read it to its end, or let go of it: then the query is cancelled and its connection closed. It can be read once.
public final class RowStream: AsyncSequence, AsyncIteratorProtocol, Sendable {
    public typealias Element = [PostgresRow]
    public typealias Failure = PostgresError

    private let reader: StreamReader<[PostgresRow]>

    init(connection: PostgresConnection, chunkBytes: Int, first: Portion<[PostgresRow]>) {
        reader = StreamReader(connection: connection, first: first) { (session) throws(PostgresError) in
            try session.rowPortion(upTo: chunkBytes)
        }
    }

    /// The next rows, at least one; `nil` at the end.
    ///
    /// When the query fails half-way, the rows before come first, then the error, then `nil`.
    public func next() async throws(PostgresError) -> [PostgresRow]? {
        try await reader.next()
    }

    public func makeAsyncIterator() -> RowStream { self }
}

extension Session {
    func rowPortion(upTo limit: Int) throws(PostgresError) -> Portion<[PostgresRow]> {
        var batch = RowBatchBuilder()
        var failure: PostgresError?
        let isLast: Bool
        do throws(PostgresError) {
            isLast = try !appendRows(to: &batch, upTo: limit, failure: &failure)
        } catch {
            // After an error that ends the session the server says no more: its own words are the better reason.
            throw failure ?? error
        }
        let rows = batch.finish()
        return Portion(element: rows.isEmpty ? nil : rows, isLast: isLast, failure: failure)
    }
}

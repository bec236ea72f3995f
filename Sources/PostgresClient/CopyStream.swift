/// The rows of a `COPY … TO STDOUT`, pulled chunk by chunk.
///
/// The server is read only as fast as ``next()`` is called, so memory stays bounded whatever the size of the table.
/// Read it to its end, or let go of it: then the COPY is cancelled and its connection closed. It can be read once.
public final class CopyStream: AsyncSequence, AsyncIteratorProtocol, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = PostgresError

    private let reader: StreamReader<[UInt8]>

    init(connection: PostgresConnection, chunkBytes: Int) {
        reader = StreamReader(connection: connection, first: Portion(element: nil, isLast: false, failure: nil)) {
            (session) throws(PostgresError) in try session.copyPortion(upTo: chunkBytes)
        }
    }

    /// The next rows, each ended by a newline (10), in the text form of COPY; `nil` at the end.
    ///
    /// A chunk holds whole rows: about `chunkBytes` bytes, fewer if the server is slow, more if one row is larger. When
    /// the COPY fails half-way, the rows before come first, then the error, then `nil`.
    ///
    /// The form: <https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format".
    public func next() async throws(PostgresError) -> [UInt8]? {
        try await reader.next()
    }

    public func makeAsyncIterator() -> CopyStream { self }
}

extension Session {
    fileprivate func copyPortion(upTo limit: Int) throws(PostgresError) -> Portion<[UInt8]> {
        var chunk: [UInt8] = []
        // The last row goes over the limit; most rows are small.
        chunk.reserveCapacity(min(limit, 1 << 20) + (8 << 10))
        var failure: PostgresError?
        let isLast = try !appendCopiedRows(to: &chunk, upTo: limit)
        if isLast {
            do throws(PostgresError) {
                try finishCopy()
            } catch {
                // The rows before the error come first, but a cancelled task wants nothing any more.
                guard error.code != .cancelled, error.code != .closed else { throw error }
                failure = error
            }
        }
        return Portion(element: chunk.isEmpty ? nil : chunk, isLast: isLast, failure: failure)
    }
}

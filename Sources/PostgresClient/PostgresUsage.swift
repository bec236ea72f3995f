/// The use of a server by one connection so far.
public struct PostgresUsage: Hashable, Sendable {
    /// Calls that sent something to be carried out: statements, several at once counted as one, and descriptions of
    /// them.
    public var queries: Int
    /// How long callers waited for the server and its rows, queries and streams together.
    public var time: Duration

    /// - Parameters:
    ///   - queries: how many.
    ///   - time: how long they took together.
    public init(queries: Int = 0, time: Duration = .zero) {
        self.queries = queries
        self.time = time
    }

    /// The use since an earlier state of the same connection.
    public static func - (later: PostgresUsage, earlier: PostgresUsage) -> PostgresUsage {
        PostgresUsage(queries: later.queries - earlier.queries, time: later.time - earlier.time)
    }
}

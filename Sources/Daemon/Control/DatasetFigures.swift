internal import Yams

/// How one dataset was refreshed within the last minute.
public struct DatasetFigures: Hashable, Sendable {
    /// Passes that read rows; ticks at which nothing can have changed are none.
    public var passes: Int
    /// How long they took, on average; nil if there was none.
    public var passMilliseconds: Double?
    public var longestPassMilliseconds: Double?
    /// From the begin of a tick to that of the next, on average; nil if there was only one.
    public var intervalMilliseconds: Double?
    public var longestIntervalMilliseconds: Double?
    /// Statements sent to PostgreSQL.
    public var queriesPerSecond: Double
    /// Operations sent to Redis: keys written, deleted and renewed, and those that a takeover compares.
    public var writesPerSecond: Double
    /// Ticks that failed.
    public var failures: Int
    /// Why the last tick failed; nil if it did not.
    public var problem: String?

    /// So many characters of it are kept.
    static let problemLimit = 300

    var json: JSONText {
        func decimal(_ value: Double?) -> JSONText { value.map { .decimal($0) } ?? .null }
        return .fields([
            "passes": .number(passes), "passMilliseconds": decimal(passMilliseconds),
            "longestPassMilliseconds": decimal(longestPassMilliseconds),
            "intervalMilliseconds": decimal(intervalMilliseconds),
            "longestIntervalMilliseconds": decimal(longestIntervalMilliseconds),
            "databaseQueriesPerSecond": .decimal(queriesPerSecond), "redisWritesPerSecond": .decimal(writesPerSecond),
            "failures": .number(failures), "problem": problem.map { .text($0) } ?? .null,
        ])
    }
}

extension DatasetFigures {
    /// - Parameter node: as ``json`` writes it; nil for anything else. Unknown members are ignored.
    init?(_ node: Node) {
        func number(_ name: String) -> Double? { node[name]?.scalar.flatMap { Double($0.string) } }
        guard let passes = number("passes"), let queries = number("databaseQueriesPerSecond"),
            let writes = number("redisWritesPerSecond"), let failures = number("failures"),
            let passCount = Int(exactly: passes), let failureCount = Int(exactly: failures)
        else { return nil }
        self.init(
            passes: passCount, passMilliseconds: number("passMilliseconds"),
            longestPassMilliseconds: number("longestPassMilliseconds"),
            intervalMilliseconds: number("intervalMilliseconds"),
            longestIntervalMilliseconds: number("longestIntervalMilliseconds"), queriesPerSecond: queries,
            writesPerSecond: writes, failures: failureCount,
            problem: node["problem"]?.scalar.flatMap { $0.style == .plain ? nil : $0.string })
    }
}

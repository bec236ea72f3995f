@testable import CacheRefresh

/// A table of users whose phones lead to them: the smallest dataset with everything that is difficult.
enum Fixture {
    static let columns = [
        Column(name: "id", kind: .integer), Column(name: "name", kind: .text), Column(name: "phone", kind: .text),
    ]

    static func users(
        mode: Dataset.WriteMode = .upsert, format: Dataset.Format = .json, filter: String? = nil,
        ttl: Duration = .seconds(100), ttlJitter: Double = 0, confirmAfter: Duration = .seconds(600),
        maxValueBytes: Int = 8 << 20, repeatLateAfter: Duration = .zero
    ) throws -> Dataset {
        Dataset(
            name: "users", source: .table("users", where: nil, filter: filter), identity: ["id"],
            keys: [
                .init(template: try KeyTemplate("user:{id}"), value: .row),
                .init(template: try KeyTemplate("phone:{phone}"), value: .column("id")),
            ],
            format: format, mode: mode, ttl: ttl, ttlJitter: ttlJitter, confirmAfter: confirmAfter,
            maxValueBytes: maxValueBytes, repeatLateAfter: repeatLateAfter)
    }

    /// A line of `COPY` text of a row that is written with spaces between its fields, such as `1 Ann 100`.
    static func line(_ row: String) -> [UInt8] {
        Array(row.replacing(" ", with: "\t").utf8) + [CopyText.newline]
    }

    /// Users with the ids 1 ... count, each with a phone of its own.
    static func rows(_ count: Int) -> [String] { (1...count).map { "\($0) N\($0) \(1000 + $0)" } }

    /// A primary, that of all tests.
    static func history(
        start: Int64 = 1_795_822_195_064_594, timeline: UInt32 = 1, isStandby: Bool = false, at position: UInt64 = 1000
    ) -> ServerHistory {
        ServerHistory(
            system: "7412", database: "app", start: start, timeline: timeline, isStandby: isStandby,
            position: WALPosition(bytes: position))
    }

    /// All of whose log outlives a crash, and in which nobody was writing.
    static func snapshot(_ history: ServerHistory = history(), horizon: UInt64 = 7) -> Snapshot {
        Snapshot(history: history, durable: history.position, horizon: horizon, isQuiet: true)
    }

    static func mark(
        _ horizon: UInt64, _ history: ServerHistory = history(), fingerprint: String = "f", tables: Set<UInt32> = []
    ) -> Mark {
        Mark(horizon: horizon, history: history, fingerprint: fingerprint, tables: tables)
    }

    static func json(_ id: Int, _ name: String, _ phone: String?) -> String {
        let phone = phone.map { "\"\($0)\"" } ?? "null"
        return "{\"id\":\(id),\"name\":\"\(name)\",\"phone\":\(phone)}"
    }
}

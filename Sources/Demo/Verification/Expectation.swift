internal import CacheRefresh
internal import PostgresClient

/// What the cache should hold for one dataset, asked of PostgreSQL in its own words: `to_jsonb(row)`.
///
/// Nothing of how Baton reads and encodes rows is used here.
struct Expectation: Sendable {
    let dataset: Dataset
    /// What precedes every key.
    let keyPrefix: String

    /// A statement whose rows hold, for each family of keys, the key (NULL if the row makes none) and the JSON text of
    /// what belongs under it.
    ///
    /// - Parameter condition: an SQL condition on the dataset's columns; nil for all rows.
    func statement(where condition: String? = nil) -> String {
        let columns = dataset.keys.flatMap { [keyExpression($0.template), valueExpression($0.value)] }
        return "select \(columns.joined(separator: ", ")) from \(source) as r\(condition.map { " where \($0)" } ?? "")"
    }

    private var source: String {
        switch dataset.source {
        case .query(let text):
            var query = text[...]
            while let last = query.last, last.isWhitespace || last == ";" { query.removeLast() }
            return "(\(query)\n)"
        case .table(let name, let condition, let filter):
            let conditions = [condition, filter].compactMap { $0 }.map { "(\($0)\n)" }
            return conditions.isEmpty ? name : "(select * from \(name) where \(conditions.joined(separator: " and ")))"
        }
    }

    private func keyExpression(_ template: KeyTemplate) -> String {
        let parts =
            [quotedText(keyPrefix)]
            + template.parts.map { part in
                switch part {
                case .literal(let text): quotedText(text)
                // An empty text makes no key, like NULL.
                case .column(let name): "nullif(to_jsonb(r.\(quotedName(name))) #>> '{}', '')"
                }
            }
        return parts.joined(separator: " || ")
    }

    private func valueExpression(_ value: Dataset.Value) -> String {
        switch value {
        case .row: "to_jsonb(r)::text"
        case .column(let name): "coalesce(to_jsonb(r.\(quotedName(name))), 'null')::text"
        }
    }

    /// Whether a key has the shape of one of the dataset's: such a key that no row accounts for is too much.
    func covers(_ key: [UInt8]) -> Bool {
        dataset.keys.contains { family in
            var first = Array(keyPrefix.utf8)
            var last: [UInt8] = []
            if case .literal(let text) = family.template.parts.first { first += Array(text.utf8) }
            if case .literal(let text) = family.template.parts.last { last = Array(text.utf8) }
            return key.starts(with: first) && key.reversed().starts(with: last.reversed())
        }
    }

    /// Whether rows that still exist may keep keys that the statement does not tell of.
    var leavesKeysBehind: Bool {
        switch dataset.source {
        case .table(_, _, let filter): filter != nil
        case .query: false
        }
    }

    /// The remaining times to live, in milliseconds, that are right for a key written `age` ago or later; nil where
    /// Baton leaves them to others.
    func timesToLive(age: Duration) -> ClosedRange<Int64>? {
        guard dataset.mode == .upsert else { return nil }
        // Redis counts in milliseconds and its clock may have been read a little before or after ours.
        let slack = Duration.seconds(1)
        let least = dataset.ttl * (1 - dataset.ttlJitter) - age - slack
        let most = dataset.ttl * (1 + dataset.ttlJitter) + slack
        return Int64(max(1, least / .milliseconds(1)))...Int64(most / .milliseconds(1))
    }
}

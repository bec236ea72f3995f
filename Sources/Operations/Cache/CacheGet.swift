internal import CacheRefresh
package import Formatting
internal import GroupState
internal import JSON
internal import RedisClient

/// The finding of `baton cache get` under a key.
package struct CacheFound: Sendable {
    struct Finding: Sendable {
        let place: CacheTools.Place
        let entry: CacheEntry
        let family: CacheFamily?
        /// What it means, beside what it is.
        var remarks: [String] = []
    }

    let key: [UInt8]
    let asked: [String]
    /// The prefix before the keys of families.
    let prefix: String
    var findings: [Finding] = []

    package var status: ExitStatus { findings.isEmpty ? .no : .done }

    package func text(_ layout: TextLayout = TextLayout()) -> String {
        guard !findings.isEmpty else {
            let isWhole = prefix.isEmpty || key.starts(with: prefix.utf8)
            return "There is no key \(KeyText.shown(key)) at \(asked.joined(separator: ", nor at "))."
                + (isWhole ? "" : " Keys are typed whole: the families' begin with \(prefix)") + "\n"
        }
        var lines: [String] = []
        for finding in findings {
            lines.append(layout.paint(KeyText.shown(key), .bold))
            lines += layout.entry("redis", [finding.place.description])
            lines += layout.entry("type", [finding.entry.type])
            lines += layout.entry(
                "TTL", [finding.entry.ttlMilliseconds.map { TextLayout.age($0) } ?? "none: it stays until deleted"])
            if let bytes = finding.entry.byteCount { lines += layout.entry("size", [TextLayout.size(bytes)]) }
            if let family = finding.family {
                lines += layout.entry("family", ["\(family.name), \(family.form.text), kept by \(family.keeper.name)"])
            }
            for remark in finding.remarks { lines += layout.entry("note", [remark]) }
            lines += ["", finding.entry.value ?? ""]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    package var json: String {
        JSONText.array(
            findings.map { finding in
                .fields([
                    "redis": .text(finding.place.description), "entry": finding.entry.json,
                    "family": finding.family.map { .text($0.name) } ?? .null, "notes": .texts(finding.remarks),
                ])
            }
        ).rendered + "\n"
    }
}

extension CacheTools {
    /// How many bytes of a value are shown.
    static let shownBytes = 1 << 20

    /// Looks a key up wherever keys are.
    ///
    /// - Throws: `RedisError`.
    package func get(_ key: [UInt8]) async throws -> CacheFound {
        var found = CacheFound(key: key, asked: places.map(\.description), prefix: prefix)
        for place in places {
            try await RedisClient.brief(place.settings) { client in
                let reader = CacheReader(connection: try await client.connection())
                guard var entry = try await reader.entries([key]).first else { return }
                entry.value = try await reader.value(of: key, type: entry.type, limit: Self.shownBytes)
                var finding = CacheFound.Finding(
                    place: place, entry: entry, family: place.families.index(of: key).map { place.families[$0] })
                finding.remarks = try await remarks(on: finding, reader)
                found.findings.append(finding)
            }
        }
        return found
    }

    /// The bytes of a string, a part at a time.
    ///
    /// - Returns: `no` if there is no such key.
    /// - Throws: `RedisError`; ``InspectionError`` if the key holds no string.
    package func copyString(_ key: [UInt8], to write: ([UInt8]) -> Void) async throws -> ExitStatus {
        for place in places {
            let isFound = try await RedisClient.brief(place.settings) { client in
                let type = try await client.send(RedisCommand("TYPE", keys: [key])).string ?? "none"
                guard type != "none" else { return false }
                guard type == "string" else {
                    throw InspectionError(.no, "\(KeyText.shown(key)) is a \(type), which has no bytes of its own.")
                }
                var start = 0
                while case let part = try await client.send(CacheReader.range(of: key, start..<start + Self.shownBytes)),
                    let bytes = part.bytes, !bytes.isEmpty
                {
                    write(bytes)
                    start += bytes.count
                }
                return true
            }
            if isFound { return .done }
        }
        return .no
    }

    /// What a person should know of a value beside what it says.
    private func remarks(on finding: CacheFound.Finding, _ reader: CacheReader) async throws -> [String] {
        var remarks: [String] = []
        if GroupKeys.isOwn(finding.entry.key) {
            remarks.append("It is one of Baton's own keys: `baton fsck` explains and mends those.")
        }
        if finding.family == nil,
            let like = finding.place.families.first(where: { $0.form.resembles(finding.entry.key) })
        {
            remarks.append(
                "It may be one of \(like.name), \(like.form.text), with a colon in a column: such keys count as of no family."
            )
        }
        if finding.entry.value == "*" {
            let end = finding.entry.ttlMilliseconds == nil ? "until somebody clears it" : "until its TTL ends"
            remarks.append(
                "go-zero's sign that the database has no such row. It hides a row that came later \(end).")
        }
        if let family = finding.family, finding.entry.type == "string", CachePointer.isOne(in: family),
            let id = try await reader.target(of: finding.entry.key)
        {
            let keys = finding.place.families.filter { $0.name == family.name }
                .compactMap { $0.form.key($0.identity ?? "id", id) }
            let there = try await reader.entries(keys).map(\.key)
            for key in there { remarks.append("It points to \(KeyText.shown(key)), which is there.") }
            if there.isEmpty, let key = keys.first {
                remarks.append("It points to \(KeyText.shown(key)), which is not there.")
            }
        }
        return remarks
    }
}

/// Keys that hold no row but the id of one, such as a phone number's.
enum CachePointer {
    /// Whether the keys of a family point to rows.
    static func isOne(in family: CacheFamily) -> Bool {
        family.identity.map { !family.form.columns.contains($0) } ?? false
    }

    /// The longest value that is taken for an id, in bytes.
    static let longest = 200

    /// The id that a value stands for: a JSON string, or a number or a text without quotes. Nil for go-zero's `*` and for
    /// what can't be an id.
    static func target(ofValue value: [UInt8]) -> String? {
        guard value.count <= longest else { return nil }
        if let text = JSONValue(parsing: value)?.string { return ["", "*"].contains(text) ? nil : text }
        guard let text = String(validating: value, as: UTF8.self), !text.isEmpty,
            value.allSatisfy({ $0 > 0x20 && !"{}[]\"\\*:".utf8.contains($0) })
        else { return nil }
        return text
    }
}

extension CacheReader {
    /// The id to which the string under a key points; nil if it holds something else.
    func target(of key: [UInt8]) async throws(RedisError) -> String? {
        let reply = try await connection.submit(Self.range(of: key, 0..<CachePointer.longest + 1)).value(
            unless: .wrongType)
        return CachePointer.target(ofValue: reply?.bytes ?? [])
    }
}

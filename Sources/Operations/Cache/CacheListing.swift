internal import CacheRefresh
package import Formatting

/// The finding of `baton cache list`.
package struct CacheListing: Sendable {
    /// The keys of one family, counted.
    struct Tally: Hashable, Sendable {
        var count = 0
        /// How many were asked for TTL, size and type.
        var sampled = 0
        var bytes = 0
        var sized = 0
        var immortal = 0
        var shortestTTL: Int64?
        var longestTTL: Int64?
        var types: [String: Int] = [:]
    }

    /// One Redis.
    struct Section: Sendable {
        let place: CacheTools.Place
        let families: [CacheFamily]
        /// One for each family, in their order; the last is that of keys of no family.
        private(set) var tallies: [Tally]
        var entries: [CacheEntry] = []
        var shown = 0
        /// Baton's own keys, which no family has.
        var own = 0

        init(place: CacheTools.Place, families: [CacheFamily]) {
            self.place = place
            self.families = families
            tallies = Array(repeating: Tally(), count: families.count + 1)
        }

        var count: Int { tallies.reduce(0) { $0 + $1.count } }

        func tally(of family: Int?) -> Tally { tallies[family ?? families.count] }

        mutating func count(_ keys: Int, of family: Int?) { tallies[family ?? families.count].count += keys }

        mutating func note(_ entry: CacheEntry, of family: Int?) {
            tallies[family ?? families.count].note(entry)
        }
    }

    let request: CacheTools.ListRequest
    var sections: [Section] = []

    package var count: Int { sections.reduce(0) { $0 + $1.count } }
    /// `no` if there is no key.
    package var status: ExitStatus { count > 0 ? .done : .no }

    // MARK: For people

    static let header = "         TTL        SIZE  TYPE    KEY"

    /// One key; what it is follows at a fixed place, however long the key.
    static func line(_ entry: CacheEntry, _ layout: TextLayout) -> String {
        let cells = [
            Columns.pad(CacheText.ttl(entry.ttlMilliseconds), to: 12, toTheRight: true),
            Columns.pad(entry.byteCount.map { TextLayout.size($0) } ?? "?", to: 12, toTheRight: true),
            "  " + Columns.pad(entry.type.shown, to: 8), layout.paint(KeyText.shown(entry.key), .bold),
        ]
        return cells.joined() + (entry.value.map { "\n" + String(repeating: " ", count: 14) + $0 } ?? "")
    }

    /// What follows the single keys: how many there are of each family.
    ///
    /// - Parameter columns: the width of the terminal; nil for any number.
    package func summary(_ layout: TextLayout = TextLayout(), columns: Int? = nil) -> String {
        var lines: [String] = []
        for section in sections {
            if section.shown > 0 { lines.append("") }
            if request.isOverview || sections.count > 1 {
                let name = section.place.name.isEmpty ? "" : "redis \(section.place.name)  "
                lines += [layout.paint(name + section.place.description, .bold), ""]
            }
            lines += CacheText.table(
                header: ["FAMILY", "KEYS LIKE", "COUNT", "TTL", "SIZE", "TYPE", "KEPT BY"], section.rows(request),
                columns: columns)
            if let sampled = section.tallies.first(where: { $0.sampled < $0.count })?.sampled, sampled > 0 {
                lines.append("  TTL, size and type are those of up to \(TextLayout.grouped(sampled)) keys each.")
            }
            for (family, tally) in zip(section.families, section.tallies) {
                guard let lack = family.lackOfTTL(tally.immortal, of: tally.sampled) else { continue }
                let text = "\(lack.text). \(lack.remedy)."
                lines += TextLayout.wrap(text, width: (columns ?? layout.width) - 2).map { "  \($0)" }
            }
            if section.count == 0, !request.isOverview { lines.append("  There is no such key.") }
        }
        if count == 0 {
            lines.append("  No key of a family is there. `baton cache test` looks for the likely mistakes.")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    // MARK: For programs

    package var json: String {
        JSONText.fields([
            "count": .number(count),
            "redis": .array(
                sections.map { section in
                    .fields([
                        "name": .text(section.place.name), "url": .text(section.place.description),
                        "count": .number(section.count), "ownKeys": .number(section.own),
                        "families": .array(
                            zip(section.families.map { Optional($0) } + [nil], section.tallies).filter {
                                $0 != nil || $1.count > 0
                            }.map { family, tally in tally.json(family) }),
                        "keys": .array(section.entries.map(\.json)),
                    ])
                }),
        ]).rendered + "\n"
    }
}

extension CacheListing.Tally {
    fileprivate mutating func note(_ entry: CacheEntry) {
        sampled += 1
        types[entry.type, default: 0] += 1
        if let size = entry.byteCount {
            sized += 1
            bytes += size
        }
        guard let left = entry.ttlMilliseconds else {
            immortal += 1
            return
        }
        shortestTTL = min(shortestTTL ?? left, left)
        longestTTL = max(longestTTL ?? left, left)
    }

    /// The most frequent first.
    fileprivate var typeNames: [String] {
        types.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }

    fileprivate var ttlText: String {
        guard sampled > 0 else { return "" }
        guard let shortestTTL, let longestTTL else { return "none" }
        let from = TextLayout.age(shortestTTL)
        let to = TextLayout.age(longestTTL)
        return (from == to ? from : "\(from) – \(to)") + (immortal > 0 ? ", none" : "")
    }

    fileprivate var averageSize: String { sized > 0 ? "\(TextLayout.size(bytes / sized)) each" : "" }

    fileprivate func json(_ family: CacheFamily?) -> JSONText {
        .fields([
            "family": family.map { .text($0.name) } ?? .null, "template": family.map { .text($0.form.text) } ?? .null,
            "keptBy": family.map { .text($0.keeper.name) } ?? .null, "count": .number(count),
            "sampled": .number(sampled), "shortestTTLMilliseconds": shortestTTL.map { .number(Int($0)) } ?? .null,
            "longestTTLMilliseconds": longestTTL.map { .number(Int($0)) } ?? .null, "withoutTTL": .number(immortal),
            "averageBytes": sized > 0 ? .number(bytes / sized) : .null, "types": .texts(typeNames),
        ])
    }
}

extension CacheListing.Section {
    fileprivate func rows(_ request: CacheTools.ListRequest) -> [[String]] {
        var rows: [[String]] = []
        for (family, tally) in zip(families, tallies)
        where tally.count > 0 || request.pattern == nil {
            rows.append([
                family.name, family.form.text, TextLayout.grouped(tally.count), tally.ttlText, tally.averageSize,
                tally.typeNames.joined(separator: ", "), family.keeper.name,
            ])
        }
        if let others = tallies.last, others.count > 0 {
            rows.append([
                "–", "(no family)", TextLayout.grouped(others.count), others.ttlText, others.averageSize,
                others.typeNames.joined(separator: ", "), "",
            ])
        }
        return rows
    }
}

extension CacheFamily.Keeper {
    var name: String {
        switch self {
        case .baton: "baton"
        case .application: "application"
        }
    }
}

internal import CacheRefresh
package import Formatting
internal import GroupState
internal import RedisClient

/// The request to clear keys.
package struct ClearRequest: Sendable {
    package enum Subject: Hashable, Sendable {
        /// Each key of each family.
        case all
        /// The rows of these ids: their own keys, and those that point to them.
        case ids([String])
        /// The keys of these phone numbers, and the rows that they point to.
        case phones([String])
        case keys([[UInt8]])
        case pattern(CachePattern)
    }

    package var subject: Subject
    /// Names or templates of families; none: all, or for ids and phones those of people.
    package var families: [String] = []
    /// How many keys a second may go; nil: as fast as it goes.
    package var rate: Int?
    /// A file that each key is copied to before it is cleared.
    package var backup: String?
    /// Whether the plan shows the beginnings of single keys' values.
    package var values = false
    package var requester: Requester

    package init(_ subject: Subject, requester: Requester) {
        self.subject = subject
        self.requester = requester
    }
}

/// The plan of a clearing.
package struct ClearPlan: Sendable {
    /// The keys that are meant at one Redis.
    struct Part: Sendable {
        let place: CacheTools.Place
        let work: Work
        /// How many keys there are of each family, in the order of the selection's; the last: of none. Nil: nobody
        /// counted.
        var counts: [Int]?
        /// Some of the keys.
        var examples: [CacheEntry] = []
        /// How many of Baton's own keys the pattern matches. They stay.
        var own = 0
    }

    enum Work: Sendable {
        /// All that match.
        case selection(CacheSelection)
        /// Single keys, by family. Those that are not there are cleared too: the leader may hold them for present.
        case keys([CacheSelection.Share], families: [CacheFamily])

        var families: [CacheFamily] {
            switch self {
            case .selection(let selection): selection.families
            case .keys(_, let families): families
            }
        }
    }

    let request: ClearRequest
    var parts: [Part] = []
    /// Remarks on what the database says of the rows, and the like.
    var remarks: [String] = []

    /// How many keys would go; nil if nobody counted.
    package var count: Int? {
        parts.contains { $0.counts == nil } ? nil : parts.reduce(0) { $0 + ($1.counts ?? []).reduce(0, +) }
    }

    /// Whether there is something to do, though no such key is there: the leader may hold one for present that somebody
    /// else deleted.
    package var mayHeal: Bool {
        parts.contains { part in
            if case .keys(let shares, _) = part.work { !shares.isEmpty } else { false }
        }
    }

    package var status: ExitStatus { count == 0 ? .no : .done }

    /// The plan for people.
    package func text(_ layout: TextLayout = TextLayout(), columns: Int? = nil) -> String {
        var lines: [String] = []
        for part in parts {
            guard let counts = part.counts else { continue }
            lines.append("\(TextLayout.count(counts.reduce(0, +), "key")) at \(part.place.description)")
            lines += CacheText.table(part.work.families, counts, columns: columns)
            if !part.examples.isEmpty {
                lines += ["", CacheListing.header]
                lines += part.examples.map { CacheListing.line($0, layout) }
            }
            if part.own > 0 {
                lines.append("  \(TextLayout.count(part.own, "key")) of Baton's own match too, and stay.")
            }
        }
        if !remarks.isEmpty { lines.append("") }
        return lines.joined(separator: "\n") + "\n" + remarkText(layout)
    }

    /// Only what the database says of the rows, and the like; empty if there is nothing to say.
    package func remarkText(_ layout: TextLayout = TextLayout()) -> String {
        remarks.flatMap { layout.entry("note", [$0]) }.map { $0 + "\n" }.joined()
    }

    /// The plan for programs.
    package var json: String {
        JSONText.fields([
            "count": count.map { .number($0) } ?? .null,
            "families": .array(
                parts.flatMap { part in
                    CacheText.families(part.place, part.work.families, part.counts ?? [])
                }),
            "keys": .texts(parts.flatMap(\.examples).map { KeyText.shown($0.key) }),
            "notes": .texts(remarks),
        ]).rendered + "\n"
    }
}

extension CacheText {
    /// How many keys of each family, below an empty line; nothing if there are none.
    ///
    /// - Parameter counts: the numbers of keys in the order of the families, then of those in none.
    static func table(_ families: [CacheFamily], _ counts: [Int], columns: Int?) -> [String] {
        let rows = zip(families.map { Optional($0) } + [nil], counts).filter { $0.1 > 0 }.map {
            [$0?.name ?? "–", $0?.form.text ?? "(no family)", TextLayout.grouped($1), $0?.keeper.name ?? ""]
        }
        guard !rows.isEmpty else { return [] }
        return [""] + table(header: ["FAMILY", "KEYS LIKE", "COUNT", "KEPT BY"], rows, columns: columns)
    }

    /// How many keys of each family, for programs.
    static func families(_ place: CacheTools.Place, _ families: [CacheFamily], _ counts: [Int]) -> [JSONText] {
        zip(families.map { Optional($0) } + [nil], counts).filter { $0.1 > 0 }.map { family, count in
            .fields([
                "redis": .text(place.description), "family": family.map { .text($0.name) } ?? .null,
                "template": family.map { .text($0.form.text) } ?? .null, "count": .number(count),
            ])
        }
    }
}

extension CacheTools {
    /// How many keys are shown before somebody is asked.
    static let exampleCount = 10

    /// Finds out what a clearing would do, and changes nothing.
    ///
    /// - Parameter counts: whether keys that match are counted; without, only single keys are looked up.
    /// - Throws: `RedisError`; ``InspectionError`` for a family that does not exist, or has no such keys.
    package func plan(_ request: ClearRequest, counts: Bool, progress: CacheProgress) async throws -> ClearPlan {
        var plan = ClearPlan(request: request)
        if case .keys(let keys) = request.subject, let own = keys.first(where: GroupKeys.isOwn) {
            throw InspectionError(
                .usage,
                "\(KeyText.shown(own)) is one of Baton's own keys. `baton fsck` mends those; clearing one would stop the leader."
            )
        }
        let rows = CacheRows(configuration)
        for place in places {
            let families = try families(of: place, named: request.families)
            switch request.subject {
            case .all:
                guard !families.isEmpty else { continue }
                plan.parts.append(ClearPlan.Part(place: place, work: .selection(CacheSelection(families: families))))
            case .pattern(let pattern):
                plan.parts.append(
                    ClearPlan.Part(
                        place: place, work: .selection(CacheSelection(pattern, families: place.families))))
            case .ids, .phones, .keys:
                let part = try await RedisClient.brief(place.settings) { client in
                    let reader = CacheReader(connection: try await client.connection())
                    return try await singleKeys(request, place, families, reader, rows, &plan.remarks)
                }
                if let part { plan.parts.append(part) }
            }
        }
        await rows.close()
        guard !plan.parts.isEmpty else {
            throw InspectionError(.usage, "No family here has such keys. `baton cache list` shows the families.")
        }
        if request.backup != nil, plan.parts.count > 1 {
            throw InspectionError(
                .usage,
                "A backup is of one Redis, and these keys are in several (\(Wording.list(plan.parts.map(\.place.name)))). "
                    + "Say which one: --server NAME.")
        }
        if counts { for place in plan.parts.indices { try await count(&plan.parts[place], progress) } }
        return plan
    }

    private func count(_ part: inout ClearPlan.Part, _ progress: CacheProgress) async throws {
        guard part.counts == nil, case .selection(let selection) = part.work else { return }
        var counts = Array(repeating: 0, count: selection.families.count + 1)
        var (examples, own) = ([CacheEntry](), 0)
        try await RedisClient.brief(part.place.settings) { client in
            let reader = CacheReader(connection: try await client.connection())
            try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys, share in
                let page = selection.sorted(keys)
                own += page.own
                for group in page.shares {
                    counts[group.family ?? selection.families.count] += group.keys.count
                    let missing = Self.exampleCount - examples.count
                    if missing > 0 { examples += try await reader.entries(Array(group.keys.prefix(missing))) }
                }
                progress.tell(share, "\(TextLayout.count(counts.reduce(0, +), "key")) found")
            }
        }
        (part.counts, part.examples, part.own) = (counts, examples, own)
    }

    // MARK: Single keys

    /// The keys of rows, phones, or as they were given; nil if no family here has such.
    private func singleKeys(
        _ request: ClearRequest, _ place: Place, _ families: [CacheFamily], _ reader: CacheReader, _ rows: CacheRows,
        _ remarks: inout [String]
    ) async throws -> ClearPlan.Part? {
        var keys: [[UInt8]] = []
        let people = families.ofPeople
        let searched = request.families.isEmpty && !people.isEmpty ? people : families
        switch request.subject {
        case .keys(let given): keys = given
        case .ids(let ids):
            guard searched.contains(where: { $0.form.key($0.identity ?? "id", "0") != nil }) else { return nil }
            for name in searched.names {
                let family = CacheRelatives(searched.filter { $0.name == name })
                for id in ids { keys += try await family.keys(ofRow: id, reader, rows, &remarks) }
            }
        case .phones(let phones):
            guard searched.contains(where: { $0.form.key("phone", "0") != nil }) else { return nil }
            for name in searched.names {
                let family = CacheRelatives(searched.filter { $0.name == name })
                for phone in phones {
                    keys += try await family.keys(pointingFrom: "phone", phone, reader, rows, &remarks)
                }
            }
        case .all, .pattern: return nil
        }
        var seen: Set<[UInt8]> = []
        keys = keys.filter { seen.insert($0).inserted }
        var shares: [CacheSelection.Share] = []
        var counts = Array(repeating: 0, count: place.families.count + 1)
        var examples: [CacheEntry] = []
        for key in keys {
            let family = place.families.index(of: key)
            if let position = shares.firstIndex(where: { $0.family == family }) {
                shares[position].keys.append(key)
            } else {
                shares.append(CacheSelection.Share(family: family, keys: [key]))
            }
        }
        for share in shares {
            let found = try await reader.entries(share.keys, values: request.values)
            counts[share.family ?? place.families.count] += found.count
            examples += found
        }
        return ClearPlan.Part(
            place: place, work: .keys(shares, families: place.families), counts: counts, examples: examples)
    }
}

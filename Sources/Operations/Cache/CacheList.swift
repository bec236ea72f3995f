package import Formatting
internal import GroupState
internal import RedisClient

extension CacheTools {
    /// The request for a list.
    package struct ListRequest: Sendable {
        /// Names or templates; none: an overview of all families, without single keys.
        package var families: [String] = []
        /// The pattern of the keys, instead of families.
        package var pattern: CachePattern?
        /// How many keys are shown.
        package var limit = 20
        /// Whether the beginning of each value is shown too.
        package var values = false
        /// How many keys of a family are asked for TTL, size and type: `SCAN` has no order, so the first are as good as
        /// any.
        package var sample = 1000

        package init() {}

        var isOverview: Bool { families.isEmpty && pattern == nil }
    }

    /// Counts keys and shows some. Reads with `SCAN` and questions about single keys, a page at a time.
    ///
    /// - Parameter emit: is given each line for people as soon as it is known.
    /// - Throws: `RedisError`; ``InspectionError`` for a family that does not exist.
    package func list(
        _ request: ListRequest, _ layout: TextLayout = TextLayout(), progress: CacheProgress,
        emit: (String) -> Void
    ) async throws -> CacheListing {
        var listing = CacheListing(request: request)
        for place in places {
            let families = try families(of: place, named: request.families)
            guard request.pattern != nil || !families.isEmpty else { continue }
            let selection =
                request.pattern.map { CacheSelection($0, families: place.families) }
                ?? (request.isOverview
                    ? CacheSelection(.beginning(with: []), families: families) : CacheSelection(families: families))
            var section = CacheListing.Section(place: place, families: selection.families)
            if !request.isOverview, places.count > 1 { emit("\(place.name)  \(place.description)") }
            try await RedisClient.brief(place.settings) { client in
                let reader = CacheReader(connection: try await client.connection())
                try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys, share in
                    let page = selection.sorted(keys)
                    section.own += page.own
                    for part in page.shares {
                        try await take(part, request, reader, &section, layout, emit)
                    }
                    progress.tell(share, "\(TextLayout.count(section.count, "key")) found")
                }
            }
            listing.sections.append(section)
        }
        return listing
    }

    private func take(
        _ share: CacheSelection.Share, _ request: ListRequest, _ reader: CacheReader,
        _ section: inout CacheListing.Section, _ layout: TextLayout, _ emit: (String) -> Void
    ) async throws {
        let known = section.tally(of: share.family)
        let shown = request.isOverview ? 0 : max(0, request.limit - section.shown)
        let wanted = max(request.sample - known.sampled, shown)
        let asked = share.keys.prefix(wanted)
        if !asked.isEmpty {
            let listed = try await reader.entries(Array(asked.prefix(shown)), values: request.values)
            let others = try await reader.entries(Array(asked.dropFirst(shown)))
            if section.shown == 0, !listed.isEmpty { emit(CacheListing.header) }
            for entry in listed { emit(CacheListing.line(entry, layout)) }
            section.shown += listed.count
            if request.keepsEntries { section.entries += listed }
            for entry in listed + others { section.note(entry, of: share.family) }
        }
        section.count(share.keys.count, of: share.family)
    }
}

extension CacheTools.ListRequest {
    /// Whether entries are kept to the end, as one JSON document needs all of them there.
    var keepsEntries: Bool { !isOverview && limit <= 10_000 }
}

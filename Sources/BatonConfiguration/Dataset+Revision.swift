internal import CacheRefresh
internal import Formatting

extension Configuration {
    /// 16 hexadecimal digits that two replicas share if, and almost only if, they refresh the same datasets in the same
    /// way: FNV-1a, 64 bits, of the datasets that are switched on. For showing; nothing is refused because of it.
    ///
    /// Spelling, order and comments of the file do not matter, nor does where something was said.
    package var revision: String {
        "\(Fingerprint(of: enabledDatasets.map(\.definition).sorted().joined(separator: "\n")))"
    }
}

extension Dataset {
    /// Everything about the dataset in one line, the same in all versions of Swift.
    fileprivate var definition: String {
        let source =
            switch source {
            case .table(let table, let condition, let filter): ["table", table, condition ?? "", filter ?? ""]
            case .query(let query): ["query", query]
            }
        let keys = keys.flatMap { family in
            switch family.value {
            case .row: [family.template.description, "row"]
            case .column(let column): [family.template.description, "column", column]
            }
        }
        let words =
            [name] + source + ["identity"] + identity + ["keys"] + keys
            + [
                format.rawValue, mode.rawValue, changes.rawValue, redis, DurationText.render(every),
                DurationText.render(ttl), "\(Int(ttlJitter * 1_000_000))", DurationText.render(confirmAfter),
                "\(maxValueBytes)", DurationText.render(repeatAfter), DurationText.render(repeatLateAfter),
            ]
        return Fingerprint.text(of: words)
    }
}

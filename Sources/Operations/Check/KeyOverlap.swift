internal import BatonConfiguration
internal import CacheRefresh
internal import GroupState
internal import RedisClient

/// Finds templates that could make the same key, in one dataset or in two: each would undo what the other writes.
struct KeyOverlap {
    /// The keys of one family.
    private struct Family {
        let dataset: String
        let template: KeyTemplate
        let pattern: KeyPattern
        /// Where they are: names of two servers of the configuration may mean the same.
        let place: RedisURL.Address?
        let database: Int
    }

    private let keyPrefix: String
    private let groupKeys: GroupKeys
    private var families: [Family] = []

    init(_ configuration: Configuration) {
        keyPrefix = configuration.keyPrefix
        groupKeys = GroupKeys(configuration)
    }

    /// - Parameter kinds: the kinds of the columns, as the database has them.
    mutating func add(_ dataset: Dataset, _ kinds: [Exact<String>: ColumnKind], redis: Configuration.Redis?) {
        for family in dataset.keys {
            families.append(
                Family(
                    dataset: dataset.name, template: family.template,
                    pattern: KeyPattern(family.template, prefix: keyPrefix) { kinds[$0.exact] },
                    place: redis?.url.address, database: redis?.url.database ?? 0))
        }
    }

    /// What was found, for the dataset that comes later.
    func findings() -> [(dataset: String, finding: Finding)] {
        var findings: [(String, Finding)] = []
        let ours = KeyPattern(beginningWith: groupKeys.beginning)
        for (position, family) in families.enumerated() {
            if let key = family.pattern.commonKey(with: ours) {
                findings.append(
                    (
                        family.dataset,
                        .problem(
                            "\(family.template) could make \(key), which is a key of Baton's own",
                            "Begin the template with a text of your own")
                    ))
            }
            for other in families[..<position] where other.place == family.place && other.database == family.database {
                guard let key = family.pattern.commonKey(with: other.pattern) else { continue }
                let owner = other.dataset == family.dataset ? "" : " of \(other.dataset)"
                let text =
                    other.template == family.template
                    ? "\(family.template) is a template\(owner) too, so that each undoes what the other writes"
                    : "\(family.template) and \(other.template)\(owner) could both make the key \(key)"
                findings.append((family.dataset, .problem(text, "Give one of them another text or separator")))
            }
        }
        return findings
    }
}

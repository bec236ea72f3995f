/// A piece of a YAML file, with the place where it starts. All scalars are text as it was written: what is a number or
/// a truth value is for the reader of a setting to say, so that `010`, `no` and `1e3` never turn into something else.
struct YAMLNode {
    enum Content {
        /// Nothing, `~` or `null`.
        case null
        case scalar(String)
        case sequence([YAMLNode])
        /// The entries in the order of the file; a key that is written twice stands here twice.
        case mapping([Entry])
    }

    struct Entry {
        let key: String
        let location: ConfigurationLocation
        let value: YAMLNode
    }

    let content: Content
    let location: ConfigurationLocation

    /// How deep it goes: 1 for a single value.
    var levels: Int {
        switch content {
        case .null, .scalar: 1
        case .sequence(let elements): 1 + (elements.map(\.levels).max() ?? 0)
        case .mapping(let entries): 1 + (entries.map(\.value.levels).max() ?? 0)
        }
    }

    /// What it is, for people.
    var kind: String {
        switch content {
        case .null: "nothing"
        case .scalar: "a single value"
        case .sequence: "a list"
        case .mapping: "a block of keys"
        }
    }
}

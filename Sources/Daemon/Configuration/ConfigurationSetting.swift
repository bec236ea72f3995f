/// One setting as it took effect: what it is called, what it is, and where that was said. Holds no secrets.
public struct ConfigurationSetting: Hashable, Sendable, CustomStringConvertible {
    /// Where a value comes from.
    public enum Origin: Hashable, Sendable {
        /// Said nowhere.
        case builtIn
        /// From the datasets' `defaults`.
        case defaults
        case written(ConfigurationLocation)
    }

    /// Such as `lease.ttl` or `datasets.merchants.every`.
    public let path: String
    /// The environment variable that overrides it; nil where there is none.
    public let variable: String?
    /// The value as the file would write it, without passwords; nil if the setting is not given.
    public let value: String?
    public let origin: Origin
    /// What the documentation says.
    let documentation: Documentation

    struct Documentation: Hashable, Sendable {
        /// The path with `<name>` in the place of names that the user chose.
        let pattern: String
        let variable: String?
        /// As the tables show it.
        let fallback: String
        let meaning: String
        let isSecret: Bool
    }

    /// `lease.ttl = 3s (BATON_LEASE_TTL)`
    public var description: String {
        let said =
            switch origin {
            case .builtIn: "default"
            case .defaults: "defaults"
            case .written(let location): location.description
            }
        let shown = value.map { $0.isEmpty ? "\"\"" : $0.split(whereSeparator: \.isNewline).joined(separator: " ") }
        return "\(path) = \(shown ?? "none") (\(said))"
    }
}

/// One setting as it took effect: what it is called, what it is, and where that was said. Holds no secrets.
package struct ConfigurationSetting: Hashable, Sendable, CustomStringConvertible {
    /// Where a value comes from.
    package enum Origin: Hashable, Sendable {
        /// Said nowhere.
        case builtIn
        /// The datasets' `defaults`.
        case defaults
        case written(ConfigurationLocation)
    }

    /// The setting's path, such as `lease.ttl` or `datasets.merchants.every`.
    package let path: String
    /// The environment variable that overrides it; nil where there is none.
    package let variable: String?
    /// The value as the file would write it, without passwords; nil if the setting is not given.
    package let value: String?
    package let origin: Origin
    /// The words of the documentation.
    let documentation: Documentation

    struct Documentation: Hashable, Sendable {
        /// The path with `<name>` in the place of names that the user chose.
        let pattern: String
        let variable: String?
        /// The default as the tables show it.
        let fallback: String
        let meaning: String
        let isSecret: Bool
    }

    /// `lease.ttl = 3s (BATON_LEASE_TTL)`
    package var description: String {
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

/// Sixteen hexadecimal digits that change with the text that they are made of (``FNV1a``).
public struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    public init(of text: String) {
        let digits = String(FNV1a(Array(text.utf8)).value, radix: 16)
        description = String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// One text for several words, which stay apart whatever is in them: each stands behind its length.
    public static func text(of words: [String]) -> String {
        words.map { "\($0.utf8.count):\($0)" }.joined(separator: ",")
    }
}

extension Dataset {
    /// All that decides which keys a row has and what is in them, as the configuration says it.
    ///
    /// Marks in Redis outlive the program that wrote them: this text is the same in all versions, and a test pins it.
    var definition: String {
        let source =
            switch source {
            case .table(let name, let condition, let filter):
                ["table", name] + [condition, filter].flatMap(Self.words)
            case .query(let text): ["query", text]
            }
        let keys = keys.flatMap { family in
            switch family.value {
            case .row: [family.template.description, "row"]
            case .column(let column): [family.template.description, "column", column]
            }
        }
        return Fingerprint.text(
            of: source + ["identity"] + identity + ["keys"] + keys + ["as", format.rawValue, "mode", mode.rawValue])
    }

    private static func words(_ optional: String?) -> [String] { optional.map { ["with", $0] } ?? ["without"] }

    /// The fingerprint of the ``definition`` and of what the database adds to it.
    ///
    /// - Parameter facts: what else decides about rows and keys: the columns with their types, and all that
    ///   PostgreSQL's catalogs say about where the rows are.
    public func fingerprint(with facts: [String]) -> Fingerprint {
        Fingerprint(of: Fingerprint.text(of: [definition] + facts))
    }
}

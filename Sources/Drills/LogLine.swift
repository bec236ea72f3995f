internal import JSON

/// One line of a replica's log: JSON, or whatever else it printed.
public struct LogLine: Hashable, Sendable {
    /// `debug`, `info`, `notice`, …; `error` for what is no JSON.
    public let level: String
    /// The constant part.
    public let message: String
    /// Everything else, by name, as text.
    public let metadata: [String: String]
    /// The whole line, as it was printed.
    public let text: String

    /// A line of these members.
    ///
    /// - Parameter text: nil for the message.
    public init(level: String = "info", message: String, metadata: [String: String] = [:], text: String? = nil) {
        self.level = level
        self.message = message
        self.metadata = metadata
        self.text = text ?? message
    }

    /// Reads a line of the JSON log; what is none is its own message.
    public init(parsing line: String) {
        guard case .object(let members)? = JSONValue(parsing: line.utf8) else {
            self.init(level: "error", message: line)
            return
        }
        var texts: [String: String] = [:]
        for (name, value) in members {
            texts[String(decoding: name, as: UTF8.self)] = value.text ?? "\(value)"
        }
        // Metadata may stand beside the message or in an object of its own.
        if case .object(let nested)? = members[Array("metadata".utf8)] {
            texts["metadata"] = nil
            for (name, value) in nested {
                texts[String(decoding: name, as: UTF8.self)] = value.text ?? "\(value)"
            }
        }
        self.init(
            level: texts.removeValue(forKey: "level")?.lowercased() ?? "info",
            message: texts.removeValue(forKey: "message") ?? line, metadata: texts, text: line)
    }

    /// The term's, in lines about a term.
    public var epoch: UInt64? { metadata["epoch"].flatMap { UInt64($0) } }

    /// Why a term ended.
    public var reason: String? { metadata["reason"] }

    /// What failed.
    public var error: String? { metadata["error"] }

    /// Whether something is wrong.
    public var isWarning: Bool { ["warning", "error", "critical"].contains(level) }
}

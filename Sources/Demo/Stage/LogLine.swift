internal import JSON

/// One line of a replica's log: JSON, or whatever else it printed.
struct LogLine: Hashable, Sendable {
    let level: String
    let message: String
    /// Everything else, by name, as text.
    let metadata: [String: String]

    init(level: String, message: String, metadata: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.metadata = metadata
    }

    init(parsing line: String) {
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
            message: texts.removeValue(forKey: "message") ?? line, metadata: texts)
    }

    /// Whether something is wrong.
    var isWarning: Bool { ["warning", "error", "critical"].contains(level) }

    /// The message and what matters of the metadata.
    var words: String {
        let known = Self.unimportant
        let details = metadata.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value)" }
        return Columns.printable(([message] + details).joined(separator: ", "))
    }

    private static let unimportant: Set<String> = [
        "timestamp", "time", "ts", "label", "logger", "source", "file", "line", "function", "replica", "holder",
        "group",
        "token", "deployment", "version", "pid",
    ]
}

/// What one pass of a dataset did, as its leader's log says.
struct PassReport: Hashable, Sendable {
    var dataset: String
    var rows = 0
    var changed = 0
    var written = 0
    var deleted = 0
    var milliseconds = 0.0

    init(dataset: String) { self.dataset = dataset }

    /// - Returns: nil if the line tells of something else.
    init?(_ line: LogLine) {
        guard line.message == "pass finished", let dataset = line.metadata["dataset"] else { return nil }
        func count(_ name: String) -> Int { line.metadata[name].flatMap { Int($0) } ?? 0 }
        self.dataset = dataset
        rows = count("rows")
        changed = count("changed")
        written = count("written")
        deleted = count("deleted")
        milliseconds = line.metadata["milliseconds"].flatMap { Double($0) } ?? 0
    }

    var words: String {
        var parts = ["\(Words.grouped(rows)) rows", "\(Words.grouped(changed)) changed"]
        if written > 0 { parts.append("\(Words.grouped(written)) written") }
        if deleted > 0 { parts.append("\(Words.grouped(deleted)) deleted") }
        parts.append("\(Words.grouped(Int(milliseconds.rounded()))) ms")
        return "\(dataset): \(parts.joined(separator: ", "))"
    }
}

internal import Drills
internal import Formatting

extension LogLine {
    /// The message and what matters of the metadata.
    var words: String {
        let known = Self.unimportant
        let details = metadata.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
            .map { "\($0.key) \($0.value)" }
        return KeyText.harmless(([message] + details).joined(separator: ", "))
    }

    private static let unimportant: Set<String> = [
        "timestamp", "time", "ts", "label", "logger", "source", "file", "line", "function", "replica", "holder",
        "group",
        "token", "deployment", "version", "pid",
    ]
}

internal import Drills
internal import Formatting

/// The report on one pass of a dataset, as its leader's log says.
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
        var parts = ["\(TextLayout.grouped(rows)) rows", "\(TextLayout.grouped(changed)) changed"]
        if written > 0 { parts.append("\(TextLayout.grouped(written)) written") }
        if deleted > 0 { parts.append("\(TextLayout.grouped(deleted)) deleted") }
        parts.append("\(TextLayout.grouped(Int(milliseconds.rounded()))) ms")
        return "\(dataset): \(parts.joined(separator: ", "))"
    }
}

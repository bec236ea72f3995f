import Foundation

/// Gathers the figures: progress goes to standard error while they are measured, the table to standard output.
final class Report {
    private(set) var figures: [Figure] = []

    func say(_ text: String) {
        FileHandle.standardError.write(Data("  \(text)\n".utf8))
    }

    func add(_ name: String, _ value: Double, _ unit: String, goal: Double? = nil, _ better: Figure.Better) {
        let figure = Figure(name: name, value: value, unit: unit, goal: goal, better: better)
        figures.append(figure)
        say("\(name): \(Self.number(value)) \(unit)")
    }

    /// The figures as an aligned table.
    var table: String {
        let head = ["figure", "measured", "unit", "goal", ""]
        let rows = figures.map { figure in
            let bound = figure.goal.map { (figure.better == .higher ? "≥ " : "≤ ") + Self.number($0) } ?? ""
            let verdict = figure.goal == nil ? "" : figure.isReached ? "reached" : "MISSED"
            return [figure.name, Self.number(figure.value), figure.unit, bound, verdict]
        }
        let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
        let lines = ([head, widths.map { String(repeating: "-", count: $0) }] + rows).map { cells in
            cells.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return column == 1 || column == 3 ? padding + cell : cell + padding
            }
            .joined(separator: "  ").trimmingCharacters(in: .newlines)
        }
        return lines.joined(separator: "\n")
    }

    /// Replaces the file at `path`: one JSON object a figure and line.
    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var text = ""
        for figure in figures { text += String(decoding: try encoder.encode(figure), as: UTF8.self) + "\n" }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Grouped above a thousand, with at most three digits that matter below.
    static func number(_ value: Double) -> String {
        if value >= 1000 {
            var digits = String(Int(value.rounded()))
            var groups: [String] = []
            while digits.count > 3 {
                groups.insert(String(digits.suffix(3)), at: 0)
                digits.removeLast(3)
            }
            return ([digits] + groups).joined(separator: ",")
        }
        if value == value.rounded() { return String(Int(value)) }
        return String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }
}

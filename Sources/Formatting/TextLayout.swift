/// How a report is written for people: 80 columns or fewer, with or without colours.
package struct TextLayout: Hashable, Sendable {
    /// Whether the reader is a terminal that understands colours.
    package let isColoured: Bool
    /// How many columns lines have, where they can be wrapped.
    package let width: Int
    /// Where the text begins that follows a label.
    static let indent = 12

    /// - Parameter columns: the width of the reader's terminal; nil for any number.
    package init(isColoured: Bool = false, columns: Int? = nil) {
        self.isColoured = isColoured
        width = min(80, max(30, columns ?? 80))
    }

    package enum Colour: String {
        case bold = "1"
        case dim = "2"
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    package func paint(_ text: String, _ colour: Colour) -> String {
        isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// `  label     text`, further lines below the text. Whatever others wrote in it stays within its lines.
    package func entry(_ label: String, _ lines: [String], _ colour: Colour? = nil) -> [String] {
        let wrapped = lines.flatMap { Self.wrap(KeyText.harmless($0), width: width - Self.indent) }
        return wrapped.enumerated().map { position, line in
            let head = position == 0 ? "  " + label : ""
            let space = String(repeating: " ", count: max(1, Self.indent - Columns.count(head)))
            return (position == 0 ? colour.map { paint(head, $0) } ?? head : head) + space + line
        }
    }

    /// Lines of aligned columns, the header first, without spaces at the end. Whatever others wrote in them stays within
    /// its cell.
    ///
    /// - Parameter numbers: the first of the columns that stand at the right, as numbers do.
    package static func table(header: [String], _ rows: [[String]], numbersFrom numbers: Int = .max) -> [String] {
        rows.isEmpty ? [] : aligned([header] + rows, numbersFrom: numbers)
    }

    /// The same without a header; all rows have as many cells.
    package static func aligned(_ rows: [[String]], numbersFrom numbers: Int = .max) -> [String] {
        let rows = rows.map { $0.map { KeyText.harmless($0) } }
        let widths = rows.first?.indices.map { column in rows.map { Columns.count($0[column]) }.max() ?? 0 } ?? []
        return rows.map { row in
            let cells = row.indices.map { Columns.pad(row[$0], to: widths[$0], toTheRight: $0 >= numbers) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }
    }

    /// Breaks a text at spaces, but not at those in backquotes: what stands there is to be copied. A word that is
    /// longer than a line is broken anywhere.
    package static func wrap(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        var isQuoted = false
        let words = text.split(omittingEmptySubsequences: false) { character in
            if character == "`" { isQuoted.toggle() }
            return character == " " && !isQuoted
        }
        for word in words {
            var word = word
            if !line.isEmpty && Columns.count(line) + 1 + Columns.count(word) > width {
                lines.append(line)
                line = ""
            }
            while Columns.count(word) > width, word.count > 1 {
                let count = max(1, Columns.fitting(word, in: width))
                lines.append(String(word.prefix(count)))
                word = word.dropFirst(count)
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        lines.append(line)
        return lines
    }

    /// A key, a name or a value for people, as ``KeyText`` shows it, shortened in the middle.
    package static func printable(_ bytes: some Sequence<UInt8>, limit: Int = 200) -> String {
        shortened(KeyText.shown(Array(bytes)), limit)
    }

    /// The text, or its begin and its end with an ellipsis between them: `limit` scalars at most.
    package static func shortened(_ text: String, _ limit: Int) -> String {
        let scalars = text.unicodeScalars
        guard scalars.count > limit else { return text }
        return String(scalars.prefix(limit * 2 / 3)) + " … " + String(scalars.suffix(limit / 3 - 3))
    }

    /// `1,234,567`
    package static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (position, digit) in digits.enumerated() {
            if position > 0 && (digits.count - position).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }

    /// The number with this many places, at least one: `0.4`, `1,234.0`.
    package static func decimal(_ value: Double, places: Int) -> String {
        let scale = (0..<places).reduce(1) { scale, _ in scale * 10 }
        guard value.magnitude < 1e12 else { return "?" }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let fraction = String(scaled % scale + scale).dropFirst()
        return "\(value < 0 && scaled > 0 ? "-" : "")\(grouped(scaled / scale)).\(fraction)"
    }

    /// `1 row`, `2,000 rows`
    package static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
        "\(grouped(number)) \(number == 1 ? one : many ?? one + "s")"
    }

    /// `0.4 s`, `42 s`, `3 m 12 s`, `5 h 2 m`, `12 d 3 h`
    package static func age(_ milliseconds: Int64) -> String {
        let span = max(0, milliseconds)
        let seconds = span / 1000
        switch seconds {
        case ..<10: return "\(seconds).\(span % 1000 / 100) s"
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) m \(seconds % 60) s"
        case ..<86400: return "\(seconds / 3600) h \(seconds / 60 % 60) m"
        default: return "\(seconds / 86400) d \(seconds / 3600 % 24) h"
        }
    }

    /// `312 B`, `4.2 MiB`
    package static func size(_ bytes: Int) -> String {
        var value = Double(bytes)
        var unit = "B"
        for larger in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
            value /= 1024
            unit = larger
        }
        guard unit != "B" else { return "\(bytes) B" }
        let tenths = Int((value * 10).rounded())
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\(grouped((tenths + 5) / 10)) \(unit)"
    }
}

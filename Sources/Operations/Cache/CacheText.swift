internal import Formatting

/// How the cache's tools write for people, also on narrow terminals.
enum CacheText {
    static func ttl(_ milliseconds: Int64?) -> String { milliseconds.map { TextLayout.age($0) } ?? "none" }

    /// Aligned columns, indented; where a terminal is too narrow for them, each row on lines of its own.
    ///
    /// - Parameter columns: the width of the terminal; nil for any number.
    static func table(header: [String], _ rows: [[String]], columns: Int?) -> [String] {
        // A column in which nothing stands says nothing.
        let used = header.indices.filter { column in rows.contains { !$0[column].isEmpty } }
        let header = used.map { header[$0] }
        let rows = rows.map { row in used.map { row[$0] } }
        let lines = TextLayout.table(header: header, rows).map { "  " + $0 }
        guard let columns, lines.contains(where: { Columns.count($0) > columns }) else { return lines }
        return rows.flatMap { row in
            zip(header, row).enumerated().filter { !$1.1.isEmpty }.flatMap { place, cell in
                let text = place == 0 ? cell.1 : "\(cell.0.lowercased()): \(cell.1)"
                return TextLayout.wrap(text, width: max(10, columns - 4)).map { (place == 0 ? "  " : "    ") + $0 }
            }
        }
    }
}

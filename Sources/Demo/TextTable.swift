/// Lines of aligned columns, the first to the left and the others to the right.
struct TextTable {
    private var rows: [[String]]

    init(header: [String]) { rows = [header] }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// One line a row, the header first.
    var lines: [String] {
        let widths = rows.reduce(into: [Int](repeating: 0, count: rows[0].count)) { widths, row in
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], Columns.count(cell)) }
        }
        return rows.map { row in
            row.enumerated().map { column, cell in
                Columns.pad(cell, to: widths[column], toTheRight: column > 0)
            }.joined(separator: "  ")
        }
    }
}

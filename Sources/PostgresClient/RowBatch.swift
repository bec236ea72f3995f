internal import CLibpq

/// Several rows in one piece of memory.
final class RowBatch: Sendable {
    let columns: [PostgresColumn]
    let rowCount: Int
    private let bytes: [UInt8]
    /// Where each value ends in `bytes`, row by row; the complement of that if the value is NULL.
    private let ends: [Int]

    init(columns: [PostgresColumn], rowCount: Int, bytes: [UInt8], ends: [Int]) {
        self.columns = columns
        self.rowCount = rowCount
        self.bytes = bytes
        self.ends = ends
    }

    var rows: [PostgresRow] {
        (0..<rowCount).map { PostgresRow(batch: self, index: $0) }
    }

    func withBytes<R>(row: Int, column: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        precondition(columns.indices.contains(column), "column index out of range")
        let cell = row * columns.count + column
        let end = ends[cell]
        guard end >= 0 else { return nil }
        var start = 0
        if cell > 0 { start = ends[cell - 1] >= 0 ? ends[cell - 1] : ~ends[cell - 1] }
        return bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[start..<end])) }
    }
}

/// Collects rows for a batch.
struct RowBatchBuilder {
    private(set) var columns: [PostgresColumn] = []
    private(set) var rowCount = 0
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    init(columns: [PostgresColumn] = []) {
        self.columns = columns
    }

    var isEmpty: Bool { rowCount == 0 }

    /// About how much memory the rows take, in bytes.
    var size: Int { bytes.count + ends.count * MemoryLayout<Int>.stride + rowCount * MemoryLayout<PostgresRow>.stride }

    mutating func append(_ result: borrowing ResultHandle) {
        let pointer = result.pointer
        let width = PQnfields(pointer)
        if columns.count != Int(width) { columns = result.columns }
        for row in 0..<PQntuples(pointer) {
            for column in 0..<width {
                if PQgetisnull(pointer, row, column) == 1 {
                    ends.append(~bytes.count)
                } else if let value = PQgetvalue(pointer, row, column) {
                    let length = Int(PQgetlength(pointer, row, column))
                    bytes.append(contentsOf: UnsafeRawBufferPointer(start: value, count: length))
                    ends.append(bytes.count)
                }
            }
            rowCount += 1
        }
    }

    consuming func finish() -> [PostgresRow] {
        RowBatch(columns: columns, rowCount: rowCount, bytes: bytes, ends: ends).rows
    }
}

/// One column of a result, as the server describes it.
public struct PostgresColumn: Hashable, Sendable {
    /// The name in the result (`as` included).
    public var name: String
    /// The type's OID in `pg_type`.
    public var typeOID: UInt32
    /// `pg_attribute.atttypmod`, for instance a `numeric`'s precision; -1 for none.
    public var typeModifier: Int32
    /// The OID of the table that the column comes from unchanged; 0 for an expression.
    public var tableOID: UInt32
    /// The column's `attnum` in that table; 0 for an expression.
    public var columnNumber: Int

    public init(name: String, typeOID: UInt32, typeModifier: Int32, tableOID: UInt32, columnNumber: Int) {
        self.name = name
        self.typeOID = typeOID
        self.typeModifier = typeModifier
        self.tableOID = tableOID
        self.columnNumber = columnNumber
    }
}

extension PostgresColumn {
    /// Names are compared byte for byte, as the server does.
    public static func == (one: Self, other: Self) -> Bool {
        one.name.utf8.elementsEqual(other.name.utf8) && one.typeOID == other.typeOID
            && one.typeModifier == other.typeModifier && one.tableOID == other.tableOID
            && one.columnNumber == other.columnNumber
    }

    public func hash(into hasher: inout Hasher) {
        for byte in name.utf8 { hasher.combine(byte) }
        hasher.combine(typeOID)
        hasher.combine(tableOID)
        hasher.combine(columnNumber)
    }
}

/// One row of a query; its values are text, as `psql` would show them.
///
/// Rows that came together share their memory: keeping one keeps its whole chunk.
public struct PostgresRow: Sendable {
    let batch: RowBatch
    let index: Int

    /// The columns, in the order of the query.
    public var columns: [PostgresColumn] { batch.columns }

    /// How many values the row has.
    public var count: Int { batch.columns.count }

    /// The value of a column, counted from 0; `nil` for NULL. An index out of range traps.
    ///
    /// Bytes that are not UTF-8 (a database in SQL_ASCII may hold them) become U+FFFD; ``bytes(at:)`` has the original.
    public subscript(index: Int) -> String? {
        batch.withBytes(row: self.index, column: index) { String(decoding: $0, as: UTF8.self) }
    }

    /// The value of the first column of that name; `nil` for NULL, and also if there is no such column (see
    /// ``columns``).
    public subscript(name: String) -> String? {
        batch.columns.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }.flatMap { self[$0] }
    }

    /// The bytes of a value just as the server sent them; `nil` for NULL. An index out of range traps.
    public func bytes(at index: Int) -> [UInt8]? {
        batch.withBytes(row: self.index, column: index) { [UInt8]($0) }
    }

    /// Lends the bytes of a value without a copy; `nil` for NULL. An index out of range traps.
    public func withBytes<R>(at index: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R? {
        batch.withBytes(row: self.index, column: index, body)
    }
}

extension PostgresRow: CustomStringConvertible {
    /// Names of the columns only, so that no value reaches a log by accident.
    public var description: String {
        "PostgresRow(\(batch.columns.map(\.name).joined(separator: ", ")))"
    }
}

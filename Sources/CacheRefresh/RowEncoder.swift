/// Turns fields of a `COPY` line into JSON that equals PostgreSQL's own `to_jsonb`, without building strings between.
///
/// The escapes of `COPY` and of JSON agree on all but the vertical tab, so most text is copied in whole runs.
struct RowEncoder: Sendable {
    /// The columns of a line, in its order.
    private let columns: [Column]
    /// The columns of the object in the order in which people wrote them, each with `{"name":` or `,"name":` before it.
    private let members: [(column: Int, prefix: [UInt8])]
    /// The names of the columns, for hashes; same order as `members`.
    private let names: [[UInt8]]

    /// - Parameters:
    ///   - columns: the columns of a line, in its order.
    ///   - order: places in `columns`, in the order in which the object shows them.
    init(columns: [Column], order: [Int]) {
        self.columns = columns
        self.members = order.enumerated().map { position, column in
            var prefix = [UInt8(ascii: position == 0 ? "{" : ",")]
            Self.appendString(Array(columns[column].name.utf8), to: &prefix)
            prefix.append(UInt8(ascii: ":"))
            return (column, prefix)
        }
        self.names = order.map { Array(columns[$0].name.utf8) }
    }

    /// Appends the whole row as a JSON object.
    func appendObject(_ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], to output: inout [UInt8]) {
        if members.isEmpty { output.append(UInt8(ascii: "{")) }
        for (column, prefix) in members {
            output.append(contentsOf: prefix)
            appendValue(UnsafeRawBufferPointer(rebasing: line[fields[column]]), columns[column].kind, to: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends one column as JSON.
    func appendColumn(
        _ column: Int, _ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], to output: inout [UInt8]
    ) {
        appendValue(UnsafeRawBufferPointer(rebasing: line[fields[column]]), columns[column].kind, to: &output)
    }

    /// How many columns are not NULL.
    func memberCount(_ line: UnsafeRawBufferPointer, _ fields: [Range<Int>]) -> Int {
        members.count { !CopyText.isNull(UnsafeRawBufferPointer(rebasing: line[fields[$0.column]])) }
    }

    /// Calls `member` with the name and text of each column that is not NULL: the fields of a Redis hash.
    ///
    /// The text is that of the JSON value, strings without their quotes and escapes.
    func forEachMember(
        _ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], _ member: (_ name: [UInt8], _ text: [UInt8]) -> Void
    ) {
        var text: [UInt8] = []
        for (position, (column, _)) in members.enumerated() {
            let field = UnsafeRawBufferPointer(rebasing: line[fields[column]])
            if CopyText.isNull(field) { continue }
            text.removeAll(keepingCapacity: true)
            Self.appendPlain(field, columns[column].kind, to: &text)
            member(names[position], text)
        }
    }

    /// Appends a value as plain text: what a hash field holds and a key shows.
    static func appendPlain(_ field: UnsafeRawBufferPointer, _ kind: ColumnKind, to output: inout [UInt8]) {
        switch kind {
        case .integer, .number, .uuid: output.append(contentsOf: field)
        case .boolean: appendBoolean(field, to: &output)
        case .text, .json: CopyText.appendUnescaped(field, to: &output)
        case .timestamp, .timestampWithZone: appendTimestamp(field, kind, to: &output)
        }
    }

    private func appendValue(_ field: UnsafeRawBufferPointer, _ kind: ColumnKind, to output: inout [UInt8]) {
        if CopyText.isNull(field) {
            output.append(contentsOf: Self.null)
            return
        }
        switch kind {
        case .integer:
            output.append(contentsOf: field)
        case .number:
            // Only finite numbers end in a digit: "NaN" and "-Infinity" are strings in JSON.
            if let last = field.last, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(last) {
                output.append(contentsOf: field)
            } else {
                Self.appendQuoted(field, to: &output)
            }
        case .boolean:
            Self.appendBoolean(field, to: &output)
        case .uuid:
            output.append(Self.quote)
            output.append(contentsOf: field)
            output.append(Self.quote)
        case .text:
            Self.appendQuoted(field, to: &output)
        case .timestamp, .timestampWithZone:
            output.append(Self.quote)
            Self.appendTimestamp(field, kind, to: &output)
            output.append(Self.quote)
        case .json:
            CopyText.appendUnescaped(field, to: &output)
        }
    }

    private static let null = Array("null".utf8)
    private static let quote = UInt8(ascii: "\"")

    private static func appendBoolean(_ field: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(contentsOf: field.first == UInt8(ascii: "t") ? "true".utf8 : "false".utf8)
    }

    /// Appends an ISO timestamp as `to_json` shows it; `infinity` and dates before Christ keep their words.
    private static func appendTimestamp(
        _ field: UnsafeRawBufferPointer, _ kind: ColumnKind, to output: inout [UInt8]
    ) {
        guard let space = field.firstIndex(of: UInt8(ascii: " ")) else {
            output.append(contentsOf: field)
            return
        }
        output.append(contentsOf: field[..<space])
        output.append(UInt8(ascii: "T"))
        let time = field[(space + 1)...]
        guard kind == .timestampWithZone, let zone = time.firstIndex(of: UInt8(ascii: "+")) else {
            output.append(contentsOf: time)
            return
        }
        // In UTC the zone is always "+00"; "BC" may follow it.
        let zoneEnd = min(zone + 3, time.endIndex)
        output.append(contentsOf: time[..<zoneEnd])
        output.append(contentsOf: ":00".utf8)
        output.append(contentsOf: time[zoneEnd...])
    }

    /// Appends a field's text as a JSON string.
    private static func appendQuoted(_ field: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(quote)
        var runStart = 0
        var position = 0
        while position < field.count {
            let byte = field[position]
            if byte >= 0x20 && byte != quote && byte != CopyText.backslash {
                position += 1
                continue
            }
            if byte == CopyText.backslash, position + 1 < field.count {
                let code = field[position + 1]
                if code == UInt8(ascii: "v") {
                    output.append(contentsOf: UnsafeRawBufferPointer(rebasing: field[runStart..<position]))
                    output.append(contentsOf: "\\u000b".utf8)
                    runStart = position + 2
                }
                position += 2  // every other escape of COPY means the same in JSON
                continue
            }
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: field[runStart..<position]))
            appendEscape(byte, to: &output)
            position += 1
            runStart = position
        }
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: field[runStart...]))
        output.append(quote)
    }

    /// Appends plain text as a JSON string.
    private static func appendString(_ text: [UInt8], to output: inout [UInt8]) {
        output.append(quote)
        for byte in text {
            if byte < 0x20 || byte == quote || byte == CopyText.backslash {
                appendEscape(byte, to: &output)
            } else {
                output.append(byte)
            }
        }
        output.append(quote)
    }

    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        if byte == quote || byte == CopyText.backslash {
            output += [CopyText.backslash, byte]
        } else {
            let digits = Array("0123456789abcdef".utf8)
            output.append(contentsOf: "\\u00".utf8)
            output += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}

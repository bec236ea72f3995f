/// Turns fields of a `COPY` line into JSON that equals PostgreSQL's own `to_jsonb`, without building strings between.
///
/// The escapes of `COPY` and of JSON agree on all but the vertical tab, so most text is copied in whole runs.
struct RowEncoder: Sendable {
    /// One column of the object; places in texts, so that none is counted as referenced from row to row.
    private struct Member: Sendable {
        var place: Int
        var kind: ColumnKind
        /// `{"name":` or `,"name":`, in `prefixes`.
        var prefix: Range<Int>
        /// The field of a hash, in `names`.
        var name: Range<Int>
    }

    /// The kinds of a line's columns, in its order.
    private let kinds: [ColumnKind]
    /// The columns of the object in the order in which people wrote them.
    private let members: [Member]
    private let prefixes: [UInt8]
    private let names: [UInt8]

    /// - Parameters:
    ///   - columns: the columns of a line, in its order.
    ///   - order: places in `columns`, in the order in which the object shows them.
    init(columns: [Column], order: [Int]) {
        var members: [Member] = []
        var prefixes: [UInt8] = []
        var names: [UInt8] = []
        for (position, place) in order.enumerated() {
            let (prefixStart, nameStart) = (prefixes.count, names.count)
            names.append(contentsOf: columns[place].name.utf8)
            prefixes.append(UInt8(ascii: position == 0 ? "{" : ","))
            Self.appendString(columns[place].name.utf8, to: &prefixes)
            prefixes.append(UInt8(ascii: ":"))
            members.append(
                Member(
                    place: place, kind: columns[place].kind, prefix: prefixStart..<prefixes.count,
                    name: nameStart..<names.count))
        }
        self.kinds = columns.map(\.kind)
        self.members = members
        self.prefixes = prefixes
        self.names = names
    }

    /// Appends the whole row as a JSON object.
    func appendObject(_ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], to output: inout [UInt8]) {
        if members.isEmpty { output.append(UInt8(ascii: "{")) }
        prefixes.withUnsafeBytes { prefixes in
            for member in members {
                output.append(contentsOf: prefixes.part(member.prefix))
                appendValue(line.part(fields[member.place]), member.kind, to: &output)
            }
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends one column as JSON.
    func appendColumn(
        _ column: Int, _ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], to output: inout [UInt8]
    ) {
        appendValue(line.part(fields[column]), kinds[column], to: &output)
    }

    /// How many columns are not NULL.
    func memberCount(_ line: UnsafeRawBufferPointer, _ fields: [Range<Int>]) -> Int {
        members.count { !CopyText.isNull(line.part(fields[$0.place])) }
    }

    /// Appends the name and text of each column that is not NULL: the fields of a Redis hash.
    ///
    /// The text is that of the JSON value, strings without their quotes and escapes.
    func appendMembers(
        _ line: UnsafeRawBufferPointer, _ fields: [Range<Int>], to arguments: inout ArgumentBuffer
    ) {
        names.withUnsafeBytes { names in
            for member in members {
                let field = line.part(fields[member.place])
                if CopyText.isNull(field) { continue }
                arguments.append { $0.append(contentsOf: names.part(member.name)) }
                arguments.append { Self.appendPlain(field, member.kind, to: &$0) }
            }
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
        let start = output.count
        output.append(contentsOf: field)
        let space = ByteSearch.first(UInt8(ascii: " "), in: field, from: 0)
        guard space < field.count else { return }
        output[start + space] = UInt8(ascii: "T")
        guard kind == .timestampWithZone else { return }
        // The zone of a session in UTC is always "+00"; "BC" may follow it.
        let isBeforeChrist = field.last == UInt8(ascii: "C")
        if isBeforeChrist { output.removeLast(3) }
        output.append(contentsOf: ":00".utf8)
        if isBeforeChrist { output.append(contentsOf: " BC".utf8) }
    }

    /// Appends a field's text as a JSON string.
    private static func appendQuoted(_ field: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(quote)
        var runStart = 0
        var position = 0
        while true {
            position = ByteSearch.firstToEscape(in: field, from: position)
            if position == field.count { break }
            let byte = field[position]
            if byte == CopyText.backslash, position + 1 < field.count {
                let code = field[position + 1]
                if code == UInt8(ascii: "v") {
                    output.append(contentsOf: field.part(runStart..<position))
                    output.append(contentsOf: "\\u000b".utf8)
                    runStart = position + 2
                }
                position += 2  // every other escape of COPY means the same in JSON
                continue
            }
            output.append(contentsOf: field.part(runStart..<position))
            appendEscape(byte, to: &output)
            position += 1
            runStart = position
        }
        output.append(contentsOf: field.part(runStart..<field.count))
        output.append(quote)
    }

    /// Appends plain text as a JSON string.
    private static func appendString(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
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
        output.append(CopyText.backslash)
        if byte == quote || byte == CopyText.backslash {
            output.append(byte)
        } else {
            output.append(contentsOf: byte < 0x10 ? "u000".utf8 : "u001".utf8)
            output.append(byte & 15 < 10 ? UInt8(ascii: "0") + byte & 15 : UInt8(ascii: "a") + byte & 15 - 10)
        }
    }
}

/// PostgreSQL's `COPY … TO STDOUT` text format: one line a row, fields apart by tabs, `\N` for NULL, and backslash
/// escapes for backslash and the control characters `\b \f \n \r \t \v`.
///
/// Source: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
enum CopyText {
    static let tab = UInt8(ascii: "\t")
    static let newline = UInt8(ascii: "\n")
    static let backslash = UInt8(ascii: "\\")

    /// Whether a field is NULL; a text of backslash and N is written `\\N` and so is none.
    static func isNull(_ field: UnsafeRawBufferPointer) -> Bool {
        field.count == 2 && field[0] == backslash && field[1] == UInt8(ascii: "N")
    }

    /// Splits a line, without its newline, into the places of its fields.
    ///
    /// - Parameter fields: emptied first; kept by the caller, so that a pass allocates it once.
    static func split(_ line: UnsafeRawBufferPointer, into fields: inout [Range<Int>]) {
        fields.removeAll(keepingCapacity: true)
        var start = 0
        while true {
            let end = ByteSearch.first(tab, in: line, from: start)
            fields.append(start..<end)
            if end == line.count { return }
            start = end + 1
        }
    }

    /// Where the line that begins at `start` ends: the place of its newline, or the chunk's end.
    static func lineEnd(in chunk: UnsafeRawBufferPointer, from start: Int) -> Int {
        ByteSearch.first(newline, in: chunk, from: start)
    }

    /// Where the first `count` fields of a line end: the place of the tab behind them, or the line's end; nil if there
    /// are fewer.
    static func end(ofFirst count: Int, in line: UnsafeRawBufferPointer) -> Int? {
        var end = ByteSearch.first(tab, in: line, from: 0)
        for _ in 1..<count {
            guard end < line.count else { return nil }
            end = ByteSearch.first(tab, in: line, from: end + 1)
        }
        return end
    }

    /// The byte that the escape `\code` stands for.
    static func unescaped(_ code: UInt8) -> UInt8 {
        switch code {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "v"): 0x0B
        default: code
        }
    }

    /// Appends a field's text, its escapes undone.
    static func appendUnescaped(_ field: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        var start = 0
        while true {
            let escape = ByteSearch.first(backslash, in: field, from: start)
            guard escape + 1 < field.count else { break }
            output.append(contentsOf: field.part(start..<escape))
            output.append(unescaped(field[escape + 1]))
            start = escape + 2
        }
        output.append(contentsOf: field.part(start..<field.count))
    }

    /// Appends text with the escapes that PostgreSQL would write: the inverse of ``appendUnescaped(_:to:)``.
    static func appendEscaped(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
        for byte in text {
            switch byte {
            case 0x08: output += [backslash, UInt8(ascii: "b")]
            case 0x0C: output += [backslash, UInt8(ascii: "f")]
            case 0x0A: output += [backslash, UInt8(ascii: "n")]
            case 0x0D: output += [backslash, UInt8(ascii: "r")]
            case 0x09: output += [backslash, UInt8(ascii: "t")]
            case 0x0B: output += [backslash, UInt8(ascii: "v")]
            case backslash: output += [backslash, backslash]
            default: output.append(byte)
            }
        }
    }
}

/// The fields of an identity, for those who ask the database about it again.
public enum CopyFields {
    /// The texts of a line's fields, their escapes undone. There is no NULL in an identity.
    public static func unescaped(_ line: [UInt8]) -> [String] {
        line.withUnsafeBytes { bytes in
            var fields: [Range<Int>] = []
            CopyText.split(bytes, into: &fields)
            return fields.map { field in
                var text: [UInt8] = []
                CopyText.appendUnescaped(UnsafeRawBufferPointer(rebasing: bytes[field]), to: &text)
                return String(decoding: text, as: UTF8.self)
            }
        }
    }
}

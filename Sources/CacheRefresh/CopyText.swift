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
        for position in 0..<line.count where line[position] == tab {
            fields.append(start..<position)
            start = position + 1
        }
        fields.append(start..<line.count)
    }

    /// Where the line that begins at `start` ends: the place of its newline, or the chunk's end.
    static func lineEnd(in chunk: UnsafeRawBufferPointer, from start: Int) -> Int {
        var position = start
        while position < chunk.count && chunk[position] != newline { position += 1 }
        return position
    }

    /// Where the first `count` fields of a line end: the place of the tab behind them, or the line's end.
    static func end(ofFirst count: Int, in line: UnsafeRawBufferPointer) -> Int {
        var remaining = count
        for position in 0..<line.count where line[position] == tab {
            remaining -= 1
            if remaining == 0 { return position }
        }
        return line.count
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
        var rest = field[...]
        while let escape = rest.firstIndex(of: backslash), escape + 1 < rest.endIndex {
            output.append(contentsOf: rest[rest.startIndex..<escape])
            output.append(unescaped(rest[escape + 1]))
            rest = rest[(escape + 2)...]
        }
        output.append(contentsOf: rest)
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

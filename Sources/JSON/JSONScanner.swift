/// Walks over JSON text, a piece at a time. Blanks before each piece are skipped.
struct JSONScanner {
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")

    let text: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    /// Whether only blanks are left.
    var isAtEnd: Bool {
        mutating get {
            skipBlanks()
            return position == text.count
        }
    }

    /// The next byte that is no blank; nil at the end.
    mutating func peek() -> UInt8? {
        skipBlanks()
        return position < text.count ? text[position] : nil
    }

    /// Steps over one byte if it comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    /// Steps over a word such as `true` if it comes next.
    mutating func take(word: StaticString) -> Bool {
        skipBlanks()
        guard
            text[position...].starts(with: UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        else { return false }
        position += word.utf8CodeUnitCount
        return true
    }

    /// Steps over a string; nil if none comes next, or a byte is in it that has to be escaped there.
    ///
    /// - Returns: where its contents are, without the quotes.
    mutating func skipString() -> Range<Int>? {
        guard take(Self.quote) else { return nil }
        let start = position
        while position < text.count {
            switch text[position] {
            case Self.quote:
                position += 1
                return start..<(position - 1)
            case Self.backslash: position = min(position + 2, text.count)
            case 0..<0x20: return nil
            default: position += 1
            }
        }
        return nil
    }

    /// Steps over a number; nil if none comes next.
    mutating func skipNumber() -> Range<Int>? {
        skipBlanks()
        let start = position
        _ = skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")), !skipDigits() { return nil }
        if skip(UInt8(ascii: ".")), !skipDigits() { return nil }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            _ = skip(UInt8(ascii: "+")) || skip(UInt8(ascii: "-"))
            guard skipDigits() else { return nil }
        }
        return start..<position
    }

    /// Steps over a value of any kind, without looking closely at what is nested in it; nil if none comes next.
    mutating func skipValue() -> Range<Int>? {
        guard let first = peek() else { return nil }
        let start = position
        switch first {
        case Self.quote:
            return skipString().map { ($0.lowerBound - 1)..<($0.upperBound + 1) }
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            var depth = 0
            while position < text.count {
                switch text[position] {
                case Self.quote:
                    guard skipString() != nil else { return nil }
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
                position += 1
                if depth == 0 { return start..<position }
            }
            return nil
        default:
            guard take(word: "null") || take(word: "true") || take(word: "false") || skipNumber() != nil else {
                return nil
            }
            return start..<position
        }
    }

    private mutating func skipBlanks() {
        while position < text.count, Self.isBlank(text[position]) { position += 1 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
            || byte == UInt8(ascii: "\r")
    }

    /// Steps over one byte if it comes next, without a blank before it.
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    /// Whether there was one digit at least.
    private mutating func skipDigits() -> Bool {
        let start = position
        while position < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position]) { position += 1 }
        return start < position
    }
}

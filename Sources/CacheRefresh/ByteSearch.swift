/// Looks for bytes eight at a time: most of a pass is spent looking for ends of lines, ends of fields, and characters
/// that need an escape.
///
/// Source: "Bit Twiddling Hacks" by Sean Eron Anderson, "Determine if a word has a byte equal to n" and "… less than
/// n". The tests may be wrong for bytes behind the first one that they find, and are right for that one.
enum ByteSearch {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Where a byte stands first, from `start` on; the count of all bytes if nowhere.
    @inline(__always)
    static func first(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        first(in: bytes, from: start) {
            zeroBytes($0 ^ (ones &* UInt64(byte)))
        } orOne: {
            $0 == byte
        }
    }

    /// Where the first byte stands that a JSON string cannot hold as it is: a control character, a quotation mark, or a
    /// backslash.
    @inline(__always)
    static func firstToEscape(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        return first(in: bytes, from: start) {
            let controls = ($0 &- ones &* 0x20) & ~$0 & highBits
            return controls | zeroBytes($0 ^ (ones &* UInt64(quote))) | zeroBytes($0 ^ (ones &* UInt64(backslash)))
        } orOne: {
            $0 < 0x20 || $0 == quote || $0 == backslash
        }
    }

    /// Whether two texts of the same length are the same.
    static func areEqual(_ some: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while position + 8 <= some.count {
            let word = some.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if word != other.loadUnaligned(fromByteOffset: position, as: UInt64.self) { return false }
            position += 8
        }
        while position < some.count && some[position] == other[position] { position += 1 }
        return position == some.count
    }

    /// The high bit of each byte that is zero.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highBits }

    @inline(__always)
    private static func first(
        in bytes: UnsafeRawBufferPointer, from start: Int, _ findInWord: (UInt64) -> UInt64,
        orOne isWanted: (UInt8) -> Bool
    ) -> Int {
        var position = start
        while position + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let found = findInWord(word)
            if found != 0 { return position + found.trailingZeroBitCount / 8 }
            position += 8
        }
        while position < bytes.count && !isWanted(bytes[position]) { position += 1 }
        return position
    }
}

extension UnsafeRawBufferPointer {
    /// Some of the bytes, counted from 0 again.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}

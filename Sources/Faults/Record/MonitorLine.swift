internal import Glibc

/// One line of what Redis' `MONITOR` tells, read word by word:
///
///     1795251685.673808 [0 lua] "HSET" "{baton:default}:fence" "sequence" "1"
struct MonitorLine {
    /// Whether a script called the command, and no client.
    let isFromScript: Bool
    /// The client's address; `lua` in a script.
    let client: String
    private let bytes: UnsafeRawBufferPointer
    private var position: Int

    /// - Parameter bytes: the line without its end; they must outlive this value.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let open = Self.find(UInt8(ascii: "["), in: bytes, from: 0),
            let space = Self.find(UInt8(ascii: " "), in: bytes, from: open),
            let close = Self.find(UInt8(ascii: "]"), in: bytes, from: space)
        else { return nil }
        client = String(decoding: bytes[(space + 1)..<close], as: UTF8.self)
        isFromScript = client == "lua"
        self.bytes = bytes
        position = close + 1
    }

    /// The next word, unquoted; nil at the end of the line.
    mutating func word() -> String? {
        guard let range = nextRange() else { return nil }
        let quoted = UnsafeRawBufferPointer(rebasing: bytes[range])
        guard Self.find(UInt8(ascii: "\\"), in: quoted, from: 0) != nil else {
            return String(decoding: quoted, as: UTF8.self)
        }
        return String(decoding: Self.unquoted(quoted), as: UTF8.self)
    }

    /// Passes over this many words.
    mutating func skip(_ count: Int) {
        for _ in 0..<count where nextRange() == nil { return }
    }

    /// The words that are left.
    mutating func rest() -> [String] {
        var words: [String] = []
        while let word = word() { words.append(word) }
        return words
    }

    private mutating func nextRange() -> Range<Int>? {
        let quote = UInt8(ascii: "\"")
        guard let open = Self.find(quote, in: bytes, from: position) else { return nil }
        var from = open + 1
        while let close = Self.find(quote, in: bytes, from: from) {
            var slashes = 0
            while bytes[close - 1 - slashes] == UInt8(ascii: "\\") { slashes += 1 }
            if slashes % 2 == 0 {
                position = close + 1
                return open + 1..<close
            }
            from = close + 1
        }
        return nil
    }

    private static func unquoted(_ quoted: UnsafeRawBufferPointer) -> [UInt8] {
        var plain: [UInt8] = []
        var index = 0
        while index < quoted.count {
            guard quoted[index] == UInt8(ascii: "\\"), index + 1 < quoted.count else {
                plain.append(quoted[index])
                index += 1
                continue
            }
            switch quoted[index + 1] {
            case UInt8(ascii: "n"): plain.append(10)
            case UInt8(ascii: "r"): plain.append(13)
            case UInt8(ascii: "t"): plain.append(9)
            case UInt8(ascii: "a"): plain.append(7)
            case UInt8(ascii: "b"): plain.append(8)
            case UInt8(ascii: "x") where index + 3 < quoted.count:
                let digits = String(decoding: quoted[(index + 2)...(index + 3)], as: UTF8.self)
                plain.append(UInt8(digits, radix: 16) ?? 0)
                index += 2
            case let other: plain.append(other)
            }
            index += 2
        }
        return plain
    }

    private static func find(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from: Int) -> Int? {
        guard let base = bytes.baseAddress, from < bytes.count,
            let found = memchr(base + from, Int32(byte), bytes.count - from)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }
}

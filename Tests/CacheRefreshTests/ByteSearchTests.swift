import Testing

@testable import CacheRefresh

@Suite("Byte search")
struct ByteSearchTests {
    @Test("finds what a plain loop finds", arguments: 1...8 as ClosedRange<UInt64>)
    func equalsLoop(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        // Neighbours of what is looked for, on both sides and with the high bit, are what such searches get wrong.
        let difficult: [UInt8] = [
            0, 1, 8, 9, 10, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F, 0x80, 0x89, 0xA2, 0xFF,
        ]
        var mistakes = 0
        for _ in 0..<3000 {
            let bytes = (0..<Int.random(in: 0...30, using: &random)).map { _ in
                random.once(in: 3) ? difficult.randomElement(using: &random)! : UInt8(ascii: "x")
            }
            let start = Int.random(in: 0...bytes.count, using: &random)
            let wanted = difficult.randomElement(using: &random)!
            let plain = bytes[start...].firstIndex(of: wanted) ?? bytes.count
            let escape = bytes[start...].firstIndex { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C } ?? bytes.count
            bytes.withUnsafeBytes { bytes in
                if ByteSearch.first(wanted, in: bytes, from: start) != plain { mistakes += 1 }
                if ByteSearch.firstToEscape(in: bytes, from: start) != escape { mistakes += 1 }
            }
            var other = bytes
            if random.once(in: 2), let place = other.indices.randomElement(using: &random) { other[place] ^= 0x80 }
            let areEqual = bytes.withUnsafeBytes { some in other.withUnsafeBytes { ByteSearch.areEqual(some, $0) } }
            if areEqual != (bytes == other) { mistakes += 1 }
        }
        #expect(mistakes == 0)
    }
}

import Foundation
import FuzzTargets
import Testing

/// What `make fuzz` does for hours, for seconds: all seeds that are kept, and some thousand mutations of them.
@Suite struct FuzzTests {
    /// Fewer where everything is slow, as under the thread sanitizer.
    static let mutations =
        ProcessInfo.processInfo.environment["BATON_FUZZ_MUTATIONS"].flatMap { Int($0) } ?? 3000

    @Test(arguments: FuzzTarget.allCases) func everySeedIsRead(target: FuzzTarget) throws {
        for (name, seed) in try Self.seeds(of: target) {
            #expect(throws: Never.self, "seed \(name)") { try target.run(seed) }
        }
    }

    @Test(arguments: FuzzTarget.allCases) func mutationsAreRead(target: FuzzTarget) async throws {
        let seeds = try Self.seeds(of: target).map(\.bytes)
        // The same each time; `make fuzz` finds new ones.
        var mutator = Mutator(seed: 20_261_127, seeds: seeds)
        for _ in 0..<Self.mutations {
            // Tests that run beside this one have to keep to the second.
            await Task.yield()
            let input = mutator.next()
            do {
                try target.run(input)
            } catch {
                Issue.record("\(error)\nwith \(Data(input).base64EncodedString())")
                return
            }
        }
    }

    private static func seeds(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Seeds/\(target.rawValue)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        try #require(!names.isEmpty)
        return try names.map { ($0, Array(try Data(contentsOf: folder.appendingPathComponent($0)))) }
    }
}

/// Changes inputs a little, again and again.
private struct Mutator {
    private var state: UInt64
    private let seeds: [[UInt8]]

    init(seed: UInt64, seeds: [[UInt8]]) {
        state = seed
        self.seeds = seeds
    }

    mutating func next() -> [UInt8] {
        var bytes = seeds[random(seeds.count)]
        for _ in 0...random(6) { mutate(&bytes) }
        return bytes
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        let place = random(bytes.count + 1)
        switch random(7) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(random(8))
        case 1 where place < bytes.count: bytes[place] = UInt8(random(256))
        case 2: bytes.insert(UInt8(random(256)), at: place)
        case 3: bytes.removeSubrange(place..<min(bytes.count, place + random(9)))
        case 4: bytes.insert(contentsOf: Self.troublemakers[random(Self.troublemakers.count)], at: place)
        case 5:
            let other = seeds[random(seeds.count)]
            let start = random(other.count + 1)
            bytes.replaceSubrange(place..., with: other[start...])
        default:
            let part = Array(bytes[place..<min(bytes.count, place + random(17))])
            for _ in 0...random(4) { bytes.insert(contentsOf: part, at: place) }
        }
    }

    private static let troublemakers =
        [
            "\u{301}", "\"", "\\", "'", "\0", "\r\n", "\t", "\\N", "\u{FEFF}", "\u{10FFFF}", "-1",
            "9223372036854775808",
            "1e400", "{}", "[[", "@", "://", "%00",
        ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x80, 0x80, 0x80, 0x80]]

    /// SplitMix64.
    private mutating func random(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ (value >> 31)) % UInt64(bound))
    }
}

import TestSupport
import Testing

@testable import BatonConfiguration
@testable import Formatting

@Suite("Garbage")
struct GarbageTests {
    /// SplitMix64: the same mutations in every run.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    @Test("is not what some editors put before everything")
    func byteOrderMark() throws {
        let fixture = try ConfigurationFixture()
        for name in ["baton.yaml", "datasets.yaml"] {
            let text = try SmallFile.text("\(fixture.folder)/\(name)", limit: 1 << 20)
            try fixture.write("\u{FEFF}" + text, to: name)
        }
        _ = try fixture.load()
        try fixture.write("\u{FEFF}verison: 1\n", to: "datasets.yaml")
        let errors = #expect(throws: ConfigurationErrors.self) { try fixture.load() }
        #expect(
            errors?.mistakes.first?.description.contains("datasets.yaml:1:1: ") == true, "\(errors.debugDescription)")
    }

    @Test("made of the shipped files is read or refused, and never crashes", arguments: 0..<8 as Range<UInt64>)
    func mutations(seed: UInt64) throws {
        var random = Random(state: seed)
        let main = try ConfigurationFixture.read("config/baton.yaml")
            .replacing("postgresql://baton@", with: "postgresql://baton:hunter2@")
        let datasets = try ConfigurationFixture.read("config/datasets.yaml")
        let fixture = try ConfigurationFixture()
        for _ in 0..<25 {
            let isMainMutated = Bool.random(using: &random)
            try fixture.write(isMainMutated ? mutate(main, &random) : Array(main.utf8), to: "baton.yaml")
            try fixture.write(mutate(datasets, &random), to: "datasets.yaml")
            let said: String
            do throws(ConfigurationErrors) {
                said = try fixture.load().redacted
            } catch {
                said = error.description
            }
            #expect(!said.isEmpty)
            // A mutation may make the password a part of something that is no secret, such as the user's name.
            #expect(isMainMutated || !said.contains("hunter2"))
        }
    }

    private func mutate(_ text: String, _ random: inout Random) -> [UInt8] {
        var bytes = Array(text.utf8)
        let pieces: [[UInt8]] =
            [
                "{", "}", "[", "]", ":", ": ", "\n", "\n  ", "\t", "\"", "'", "&a ", "*a", "!", "!!int ", "- ", "? ",
                "|", ">",
                "%", "@", "---\n", "...\n", "<<: ", "~", "null", "\u{0}", "\u{FEFF}", "\u{2028}", "é", "\u{E000}", "-1",
                "0x1F",
                "99999999999999999999h", "1e999", "%", "{{", "}}",
            ].map { Array($0.utf8) } + [[0xff], [0xc3]]
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, place + Int.random(in: 1...20, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.removeSubrange(place..<end)
            case 1: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: place)
            case 2: bytes[place] = .random(in: 0...255, using: &random)
            case 3: bytes.insert(contentsOf: bytes[place..<end], at: .random(in: 0...bytes.count, using: &random))
            default: bytes.insert(contentsOf: bytes[place...].prefix(200), at: place)
            }
        }
        return bytes
    }

    @Test(
        "of extreme shapes is refused",
        arguments: [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "- ", count: 50_000), String(repeating: "a", count: 200_000),
            "\u{0}", "\u{FEFF}", "%YAML 9.9\n---\na: b", "--- a\n--- b\n", "*unknown", "a: *a", "a: &a [*a]", "? ? ? a",
            "\t", "@", "`",
            (0..<40).map { "a\($0): &a\($0) [\($0 == 0 ? "x" : "*a\($0 - 1), *a\($0 - 1)")]" }.joined(separator: "\n"),
            (0..<300).map { "a\($0 % 3): 1" }.joined(separator: "\n"),
        ])
    func extremes(text: String) throws {
        #expect(try !ConfigurationFixture(text).refusals().isEmpty)
        #expect(try !ConfigurationFixture(datasets: text).refusals().isEmpty)
    }

    @Test("a file that never ends is refused")
    func endless() throws {
        #expect(throws: ConfigurationErrors.self) { try Configuration.load(path: "/dev/zero", environment: [:]) }
    }
}

@Suite("Durations and sizes")
struct NotationTests {
    @Test(
        "are read",
        arguments: [
            ("600ms", 600), ("3s", 3000), ("10m", 600_000), ("24h", 86_400_000), ("1h30m", 5_400_000), ("0s", 0),
            ("1h2m3s4ms", 3_723_004), ("1m500ms", 60_500),
        ])
    func read(text: String, milliseconds: Int64) {
        #expect(DurationText.parse(text) == .milliseconds(milliseconds))
        #expect(DurationText.parse(DurationText.render(.milliseconds(milliseconds))) == .milliseconds(milliseconds))
    }

    @Test(
        "are refused",
        arguments: [
            "", "3", "s", "3 s", " 3s", "3s ", "-3s", "+3s", "1.5s", "3S", "3sec", "30m1h", "1s1s", "3d", "1h30", "٣s",
            "1e3s",
            "9223372036854775807h", "99999999999999999999s", "9223372036854775807ms1h",
        ])
    func refused(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "sizes",
        arguments: [
            ("8MiB", 8 << 20), ("512B", 512), ("64KiB", 65_536), ("1GiB", 1 << 30), ("8MB", nil), ("8", nil),
            ("-1B", nil),
            ("08B", nil), ("MiB", nil), ("9223372036854775807GiB", nil), ("", nil), ("1.5MiB", nil),
        ])
    func sizes(text: String, bytes: Int?) {
        #expect(ByteCount.parse(text) == bytes)
        if let bytes { #expect(ByteCount.render(bytes) == text) }
    }
}

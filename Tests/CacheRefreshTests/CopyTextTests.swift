import Testing

@testable import CacheRefresh

@Suite("COPY text")
struct CopyTextTests {
    @Test(
        "is escaped and read back",
        arguments: [
            ("", ""), ("plain", "plain"), ("a\tb", "a\\tb"), ("a\nb\r", "a\\nb\\r"), ("\\", "\\\\"), ("\\N", "\\\\N"),
            ("\u{8}\u{B}\u{C}", "\\b\\v\\f"), ("\u{1}\u{1F}\u{7F}", "\u{1}\u{1F}\u{7F}"), ("\"é🎉", "\"é🎉"),
        ])
    func roundTrip(text: String, escaped: String) {
        var written: [UInt8] = []
        CopyText.appendEscaped(text.utf8, to: &written)
        #expect(written == Array(escaped.utf8))
        #expect(unescape(written) == Array(text.utf8))
    }

    @Test("round-trips whatever bytes there are", arguments: 1...20 as ClosedRange<UInt64>)
    func randomRoundTrip(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let special: [UInt8] = [8, 9, 10, 11, 12, 13, 92, 0x4E]
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                random.once(in: 2) ? special.randomElement(using: &random)! : .random(in: 1...255, using: &random)
            }
            var written: [UInt8] = []
            CopyText.appendEscaped(bytes, to: &written)
            #expect(!written.contains(9) && !written.contains(10))
            #expect(unescape(written) == bytes)
        }
    }

    @Test("knows NULL from a text that looks like it")
    func null() {
        #expect(with("\\N", CopyText.isNull))
        #expect(!with("\\\\N", CopyText.isNull))
        #expect(!with("N", CopyText.isNull))
        #expect(!with("", CopyText.isNull))
    }

    @Test(
        "is split at tabs",
        arguments: [
            ("", [""]), ("a", ["a"]), ("\t", ["", ""]), ("a\tb\t", ["a", "b", ""]),
            (
                "a text longer than eight bytes\tb\t\tand another long one",
                ["a text longer than eight bytes", "b", "", "and another long one"]
            ),
        ])
    func split(line: String, fields: [String]) {
        with(line) { bytes in
            var places = [99..<100]
            CopyText.split(bytes, into: &places)
            #expect(places.map { String(decoding: bytes[$0], as: UTF8.self) } == fields)
        }
    }

    @Test("ends lines at newlines, fields at tabs, wherever they stand", arguments: 0...40)
    func ends(length: Int) {
        let text = String(repeating: "x", count: length)
        with(text + "\n" + text) { chunk in
            #expect(CopyText.lineEnd(in: chunk, from: 0) == length)
            #expect(CopyText.lineEnd(in: chunk, from: length + 1) == chunk.count)
        }
        with(text + "\t" + text + "\tz") { line in
            #expect(CopyText.end(ofFirst: 1, in: line) == length)
            #expect(CopyText.end(ofFirst: 2, in: line) == 2 * length + 1)
            #expect(CopyText.end(ofFirst: 3, in: line) == line.count)
        }
    }

    @Test("tells an identity's texts")
    func identity() {
        #expect(CopyFields.unescaped(Array("7\ta\\tb\t".utf8)) == ["7", "a\tb", ""])
    }

    private func unescape(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        bytes.withUnsafeBytes { CopyText.appendUnescaped($0, to: &output) }
        return output
    }

    private func with<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(text.utf8).withUnsafeBytes(body)
    }
}

import Testing

@testable import LocalStack

@Suite struct LineSplitterTests {
    @Test(arguments: 1...9) func linesDoNotDependOnHowTheBytesArrive(chunk: Int) {
        let bytes = Array("one\n\ntwo ü\r\n\nthree".utf8)
        let chunks = stride(from: 0, to: bytes.count, by: chunk).map { Array(bytes[$0..<min($0 + chunk, bytes.count)]) }
        #expect(split(chunks) == ["one", "", "two ü\r", "", "three"])
    }

    @Test func aLineWithoutEndIsCut() {
        let lines = split(Array(repeating: Array(repeating: UInt8(ascii: "x"), count: 1 << 18), count: 5))
        #expect(lines.map(\.utf8.count) == [1 << 20, 1 << 18])
    }

    @Test func bytesThatAreNotTextAreReplaced() {
        #expect(split([[0x61, 0xff, 0x0a]]) == ["a\u{FFFD}"])
    }

    private func split(_ chunks: [[UInt8]]) -> [String] {
        var splitter = LineSplitter()
        var lines: [String] = []
        for chunk in chunks { chunk.withUnsafeBytes { splitter.feed($0) { lines.append($0) } } }
        splitter.finish { lines.append($0) }
        return lines
    }
}

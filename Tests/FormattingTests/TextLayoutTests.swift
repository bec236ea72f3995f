import Testing

@testable import Formatting

@Suite("Reports for people and programs")
struct TextLayoutTests {
    @Test(
        "lines are broken at spaces, long words anywhere",
        arguments: [
            ("one two three", ["one two", "three"]), ("abcdefghijkl", ["abcdefgh", "ijkl"]),
            ("ab abcdefghijkl", ["ab", "abcdefgh", "ijkl"]), ("", [""]), ("12345678", ["12345678"]),
            ("see `a b` so", ["see", "`a b` so"]),
        ])
    func wrapping(_ text: String, lines: [String]) {
        #expect(TextLayout.wrap(text, width: 8) == lines)
    }

    @Test("bytes can't do anything to a terminal")
    func printable() {
        #expect(TextLayout.printable(Array("a\u{1B}[31m\n\u{202E}é".utf8)) == #"a\x1b[31m\x0a\xe2\x80\xaeé"#)
        #expect(TextLayout.printable([0xFF, 0x61]) == #"\xffa"#)
        #expect(TextLayout.table(header: ["A"], [["a\u{1B}[2J\nb"]]).last == #"a\x1b[2J\x0ab"#)
        let long = TextLayout.printable(Array(repeating: 0x61, count: 10_000))
        #expect(long.count <= 200)
        #expect(long.contains(" … "))
    }

    @Test(
        "sizes have a unit",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (10 << 20, "10 MiB"),
            (5 << 30, "5.0 GiB"), (2000 << 40, "2,000 TiB"),
        ])
    func size(_ bytes: Int, text: String) {
        #expect(TextLayout.size(bytes) == text)
    }

    @Test(
        "decimals have so many places",
        arguments: [(0.0, "0.00"), (12.345, "12.35"), (-0.5, "-0.50"), (1234.05, "1,234.05"), (-0.001, "0.00")])
    func decimal(_ number: Double, text: String) {
        #expect(TextLayout.decimal(number, places: 2) == text)
    }

    @Test("columns stand below one another whatever is in them, numbers at the right")
    func tables() {
        let rows = [["merchants", "1,000", "x"], ["größe", "7", ""], ["商户表", "42", "é"]]
        #expect(
            TextLayout.table(header: ["DATASET", "ROWS", "END"], rows) == [
                "DATASET    ROWS   END", "merchants  1,000  x", "größe      7", "商户表     42     é",
            ])
        #expect(
            TextLayout.table(header: ["DATASET", "ROWS"], rows.map { Array($0.prefix(2)) }, numbersFrom: 1) == [
                "DATASET     ROWS", "merchants  1,000", "größe          7", "商户表        42",
            ])
        #expect(TextLayout.table(header: ["A"], []) == [])
    }

    @Test("lines are as wide as a terminal shows them")
    func wideLines() {
        #expect(TextLayout.wrap("商户 表中的数据", width: 8) == ["商户", "表中的数", "据"])
        #expect(TextLayout.wrap("商", width: 1) == ["商"])
        #expect(TextLayout(columns: 30).entry("名", ["x"]) == ["  名        x"])
    }

    @Test("numbers are grouped")
    func grouped() {
        #expect(TextLayout.grouped(0) == "0")
        #expect(TextLayout.grouped(999) == "999")
        #expect(TextLayout.grouped(1000) == "1,000")
        #expect(TextLayout.grouped(1_234_567) == "1,234,567")
        #expect(TextLayout.grouped(-1000) == "-1,000")
        #expect(TextLayout.count(1, "key") == "1 key")
        #expect(TextLayout.count(2000, "key") == "2,000 keys")
    }

    @Test("colours are for terminals only")
    func colours() {
        #expect(TextLayout().paint("x", .red) == "x")
        #expect(TextLayout(isColoured: true).paint("x", .red) == "\u{1B}[31mx\u{1B}[0m")
    }

    @Test("JSON is escaped, ordered and indented")
    func json() {
        let document = JSONText.fields([
            "b": "a \"quoted\"\\\n\u{01}", "a": .array([1, true, .null]), "empty": .array([]), "none": .object([]),
        ])
        #expect(
            document.rendered == """
                {
                  "b": "a \\"quoted\\"\\\\\\n\\u0001",
                  "a": [
                    1,
                    true,
                    null
                  ],
                  "empty": [],
                  "none": {}
                }
                """)
    }
}

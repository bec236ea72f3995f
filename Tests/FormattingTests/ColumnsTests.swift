import Testing

@testable import Formatting

@Suite("The columns of a terminal")
struct ColumnsTests {
    @Test(
        "Chinese and pictures take two",
        arguments: [
            ("", 0), ("Ann", 3), ("größe", 5), ("gro\u{308}ße", 5), ("商户", 4), ("東京ペ…", 7), ("한글", 4),
            ("（全）", 6), ("🚀", 2), ("👩‍👩‍👧", 2), ("🇨🇳", 2), ("–…", 2),
        ])
    func counts(_ text: String, columns: Int) { #expect(Columns.count(text) == columns) }

    @Test("text is cut before a character that would not fit")
    func cuts() {
        #expect(Columns.cut("東京ペイ 1", to: 7) == "東京ペ…")
        #expect(Columns.cut("東京ペイ 1", to: 6) == "東京…")
        #expect(Columns.cut("Ann", to: 3) == "Ann")
        #expect(Columns.cut("Ann", to: 0) == "")
    }

    @Test("text is padded on either side")
    func pads() {
        #expect(Columns.pad("商", to: 4) == "商  ")
        #expect(Columns.pad("商", to: 4, toTheRight: true) == "  商")
        #expect(Columns.pad("商户", to: 3) == "商户")
    }
}

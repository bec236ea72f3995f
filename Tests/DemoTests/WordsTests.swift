import Testing

@testable import Demo

@Suite struct WordsTests {
    @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
    func groups(_ number: Int, _ text: String) { #expect(Words.grouped(number) == text) }

    @Test(arguments: [(0.0, "0.00"), (12.345, "12.35"), (-0.5, "-0.50"), (1234.05, "1,234.05"), (-0.001, "0.00")])
    func writesDecimals(_ number: Double, _ text: String) { #expect(Words.decimal(number, digits: 2) == text) }

    @Test func tellsTimes() {
        #expect(Words.brief(.milliseconds(412)) == "412 ms")
        #expect(Words.brief(.milliseconds(12_340)) == "12.3 s")
        #expect(Words.elapsed(.milliseconds(430)) == "0.4 s")
        #expect(Words.elapsed(.seconds(59)) == "59 s")
        #expect(Words.elapsed(.seconds(3723)) == "1:02:03")
        #expect(Words.clock(.seconds(42)) == "0:42")
    }

    @Test func showsWhatCantBeSeen() {
        #expect(Columns.printable("a\u{1B}[2J\u{202E}é\n") == #"a\x1b[2J\xe2\x80\xaeé\x0a"#)
    }

    /// A word that the screen tells people to type.
    @Test(arguments: [("/tmp/demo.env", "/tmp/demo.env"), ("/tmp/it's x", #"'/tmp/it'\''s x'"#), ("", "''")])
    func quotesForShells(_ text: String, _ word: String) { #expect(ShellText.word(text) == word) }

    @Test func alignsTables() {
        var table = TextTable(header: ["Dataset", "Rows"])
        table.add(["merchants", "1,000"])
        table.add(["größe", "7"])
        #expect(table.lines == ["Dataset     Rows", "merchants  1,000", "größe          7"])
    }
}

import Testing

@testable import Demo

@Suite struct WordsTests {
    @Test func tellsTimes() {
        #expect(Words.brief(.milliseconds(412)) == "412 ms")
        #expect(Words.brief(.milliseconds(12_340)) == "12.3 s")
        #expect(Words.elapsed(.milliseconds(430)) == "0.4 s")
        #expect(Words.elapsed(.seconds(59)) == "59 s")
        #expect(Words.elapsed(.seconds(3723)) == "1:02:03")
        #expect(Words.clock(.seconds(42)) == "0:42")
    }
}

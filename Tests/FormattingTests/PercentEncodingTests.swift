import Testing

@testable import Formatting

@Suite("Percent-encoding")
struct PercentEncodingTests {
    @Test(
        "What is written is read back",
        arguments: [
            ("plain-._~09AZ", "plain-._~09AZ"), ("a b/c@d%", "a%20b%2Fc%40d%25"), ("\n\u{0}", "%0A%00"),
            ("é商", "%C3%A9%E5%95%86"), ("@\u{301}", "%40%CC%81"), ("", ""),
        ])
    func roundTrip(_ text: String, encoded: String) {
        #expect(PercentEncoding.encode(text) == encoded)
        #expect(PercentEncoding.decode(encoded) == Array(text.utf8))
    }

    @Test("A percent sign wants two hexadecimal digits", arguments: ["%", "%4", "%zz", "a%+1", "%商"])
    func malformed(_ text: String) { #expect(PercentEncoding.decode(text) == nil) }

    @Test("Digits may be small, and bytes need not be UTF-8")
    func tolerant() { #expect(PercentEncoding.decode("%ff%fF") == [0xFF, 0xFF]) }
}

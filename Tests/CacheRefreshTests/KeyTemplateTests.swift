import Testing

@testable import CacheRefresh

@Suite("Key templates")
struct KeyTemplateTests {
    @Test(
        "are read and written back",
        arguments: ["merchant:{id}", "plugin_config:{plugin_id}:{name}", "{{users}}:{id}", "{id}", "a{{}}{b}c"])
    func roundTrip(text: String) throws {
        #expect(try "\(KeyTemplate(text))" == text)
    }

    @Test(
        "are refused with the reason",
        arguments: [
            ("merchant:{id", KeyTemplate.Mistake.unclosedBrace),
            ("merchant:id}", .strayBrace),
            ("merchant:{}", .emptyColumn),
            ("merchant", .noColumn),
            ("", .noColumn),
            ("{a}{b}", .adjacentColumns("a", "b")),
        ])
    func mistakes(text: String, mistake: KeyTemplate.Mistake) {
        #expect(throws: mistake) { try KeyTemplate(text) }
    }
}

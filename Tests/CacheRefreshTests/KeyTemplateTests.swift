import Testing

@testable import CacheRefresh

@Suite("Key templates")
struct KeyTemplateTests {
    @Test(
        "are read and written back",
        arguments: [
            "merchant:{id}", "plugin_config:{plugin_id}:{name}", "{{users}}:{id}", "{id}", "a{{}}{b}c",
            "{id}\u{301}", "{{\u{301}{id}}}\u{308}", "a{\u{301}}b", "{e\u{301}}:{\u{E9}}",
        ])
    func roundTrip(text: String) throws {
        #expect(try "\(KeyTemplate(text))".unicodeScalars.elementsEqual(text.unicodeScalars))
    }

    @Test("A brace before a combining mark is a brace, and a letter in other scalars is another one")
    func scalars() throws {
        #expect(try KeyTemplate("{id}\u{301}").parts == [.column("id"), .literal("\u{301}")])
        #expect(throws: KeyTemplate.Mistake.strayBrace) { try KeyTemplate("{id}:}\u{301}") }
        #expect(try KeyTemplate("{\u{E9}}") != KeyTemplate("{e\u{301}}"))
        #expect(try Set([KeyTemplate("{\u{E9}}"), KeyTemplate("{e\u{301}}")]).count == 2)
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

import GroupState
import Testing

@testable import Operations

@Suite("Patterns, pointers and keys of Baton's own")
struct CacheKeyTests {
    @Test("Baton's own keys are known, whatever the group and prefix")
    func own() {
        for key in ["{baton:default}:lease", "staging:{baton:g}:cleared", "x{{baton:g}:live:t"] {
            #expect(GroupKeys.isOwn(Array(key.utf8)) == !key.hasPrefix("x"), "\(key)")
        }
        #expect(!GroupKeys.isOwn(Array("baton:default".utf8)))
        #expect(!GroupKeys.isOwn(Array("{user:7}".utf8)))
    }

    @Test(
        "patterns that match everything",
        arguments: [
            ("*", true), ("**", true), ("?*", true), ("[a-z]*", true), (#"[\]x]*"#, false), ("[*]", false),
            ("[*]*", false), ("[^a]*", true), ("[0-9]*", false), ("user:*", false),
            ("*7", false), (#"\**"#, false), ("[ab", false), ("[^ab", true), (#"\x00*"#, false),
        ])
    func everything(_ pattern: String, _ isEverything: Bool) throws {
        #expect(try CachePattern(pattern).matchesEverything == isEverything)
    }

    @Test("an empty pattern is none")
    func emptyPattern() { #expect(throws: InspectionError.self) { try CachePattern("") } }

    @Test(
        "what a key points to",
        arguments: [
            ("7", "7"), ("1.50", "1.50"), ("\"a-1\"", "a-1"), ("\"a\\u0062 \u{81}\\\\\"", "ab \u{81}\\"),
            ("a\u{81}", "a\u{81}"),
            ("\"\\ud83d\\ude00\"", "😀"), ("*", nil), ("\"*\"", nil), ("{}", nil), ("", nil), ("\"\"", nil),
            ("a b", nil),
            ("\"a", nil), ("[7]", nil), (String(repeating: "7", count: 201), nil),
        ] as [(String, String?)])
    func pointer(_ value: String, _ id: String?) { #expect(CachePointer.target(ofValue: Array(value.utf8)) == id) }
}

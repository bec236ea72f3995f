import CacheRefresh
import Testing

@testable import Daemon

@Suite("What keys of a template look like")
struct KeyFormTests {
    private func form(_ text: String, prefix: String = "") throws -> KeyForm {
        KeyForm(try KeyTemplate(text), prefix: prefix)
    }

    @Test(
        "a column is any text without a colon, and not empty",
        arguments: [
            ("user:{id}", "user:7", true), ("user:{id}", "user:", false), ("user:{id}", "user:7:orders", false),
            ("user:{id}", "users:7", false), ("user:{id}", "auser:7", false), ("{id}", "7:8", true),
            ("c:{a}:{b}", "c:1:x", true), ("c:{a}:{b}", "c:1:", false), ("c:{a}:{b}", "c::x", false),
            ("c:{a}:{b}", "c:1:x:y", false), ("{id}:end", "7:end", true), ("{id}:end", "7:ends", false),
            ("{id}:end", ":end", false), ("x{a}-{a}y", "x1-1y", true), ("x{a}-{a}y", "x1-2y", false),
            ("{{users}}:{id}", "{users}:7", true), ("a*[b]:{id}", "a*[b]:7", true), ("a*[b]:{id}", "axb:7", false),
        ])
    func covers(_ template: String, _ key: String, _ isCovered: Bool) throws {
        #expect(try form(template).covers(Array(key.utf8)) == isCovered)
        // A colon in the prefix counts like any other.
        if template.contains(":") {
            #expect(try form(template, prefix: "s:").covers(Array("s:\(key)".utf8)) == isCovered)
        }
    }

    @Test("binary keys are keys too")
    func binary() throws {
        #expect(try form("user:{id}").covers(Array("user:".utf8) + [0, 0xFF, 10]))
        #expect(try !form("user:{id}").covers([0xFF]))
        #expect(try !form("user:{id}").covers([]))
    }

    @Test("a key is made of one column only")
    func makes() throws {
        #expect(try form("user:{id}", prefix: "s:").key("id", "7") == Array("s:user:7".utf8))
        #expect(try form("x{a}-{a}y").key("a", "1") == Array("x1-1y".utf8))
        #expect(try form("user:{id}").key("phone", "7") == nil)
        #expect(try form("c:{a}:{b}").key("a", "1") == nil)
    }

    @Test("Baton's own keys are known, whatever the group and prefix")
    func own() {
        for key in ["{baton:default}:lease", "staging:{baton:g}:cleared", "x{{baton:g}:live:t"] {
            #expect(CacheTools.isOwn(Array(key.utf8)) == !key.hasPrefix("x"), "\(key)")
        }
        #expect(!CacheTools.isOwn(Array("baton:default".utf8)))
        #expect(!CacheTools.isOwn(Array("{user:7}".utf8)))
    }

    @Test(
        "bytes that are no text are written as they can be typed",
        arguments: [
            ([0x61, 0xFF, 0], #"a\xff\x00"#), (Array("a\\b".utf8), #"a\\b"#), (Array("Ωx".utf8), "Ωx"),
            (Array("\u{1B}[31m".utf8), #"\x1b[31m"#), (Array("\u{202E}".utf8), #"\xe2\x80\xae"#), ([], ""),
        ] as [([UInt8], String)])
    func shown(_ bytes: [UInt8], _ text: String) {
        #expect(KeyText.shown(bytes) == text)
        #expect(KeyText.bytes(text) == bytes)
    }

    @Test(
        "values that are text are shown as they are",
        arguments: [
            (#"{"a":"b\"c"}"#, 20, #"{"a":"b\"c"}"#), ("Ωmega", 3, "Ωm…"), ("aΩ", 2, "a…"), ("a\n\\", 20, #"a\x0a\\"#),
            ("", 0, ""),
        ])
    func value(_ value: String, _ limit: Int, _ text: String) {
        #expect(KeyText.value(Array(value.utf8), limit: limit) == text)
    }

    @Test(
        "a key of no family may be made by one of its rows",
        arguments: [
            ("user:{id}", "user:7", true), ("user:{id}", "user:7:8", true), ("user:{id}", "users:7", false),
            ("a:{x}:b:{y}:c", "a:1:b:2:c", true), ("a:{x}:b:{y}:c", "a:1:2:b:3:4:c", true),
            ("a:{x}:b:{y}:c", "a:1:c", false),
            ("a:{x}:a", "a:a", false), ("{x}", "anything:else", true),
        ])
    func resembles(_ template: String, _ key: String, _ mayBe: Bool) throws {
        #expect(KeyForm(try KeyTemplate(template), prefix: "").resembles(Array(key.utf8)) == mayBe)
    }

    @Test("backslashes that begin nothing stand for themselves")
    func backslashes() {
        #expect(KeyText.bytes(#"a\b\x+f\x1"#) == Array(#"a\b\x+f\x1"#.utf8))
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

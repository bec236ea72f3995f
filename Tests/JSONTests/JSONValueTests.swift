import Testing

@testable import JSON

@Suite struct JSONValueTests {
    @Test(arguments: [
        (#""\ud83d\ude00""#, "😀"), (#""\u0000""#, "\u{0}"), (#""\u007f\u0081\uffff""#, "\u{7F}\u{81}\u{FFFF}"),
        ("\"\u{7F}\u{81}\u{FFFF}\"", "\u{7F}\u{81}\u{FFFF}"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        ("\"quote\\\"\u{301}d\"", "quote\"\u{301}d"), (#""""#, ""),
    ])
    func readsStrings(_ text: String, _ means: String) {
        let found = JSONValue(parsing: text.utf8)?.string
        #expect(found.map { Array($0.utf8) } == Array(means.utf8))
    }

    @Test func readsNamesOfAnyLength() {
        let name = String(repeating: "n", count: 5000)
        #expect(JSONValue(parsing: #"{"\#(name)":1,"b":"x"}"#.utf8)?["b"]?.string == "x")
    }

    @Test(arguments: [
        "", " ", "{", "}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}", "[1,]", "[1 2]", "tru", "nulll", "NaN",
        "Infinity",
        "01", "1.", ".5", "+1", "-", "--1", "1e", "1e+", "0x10", "1 2", #""abc"#, "\"abc\\", #""\x41""#, #""\u12""#,
        #""\u+123""#, #""\u12g4""#, #""\ud800""#, #""\udc00\ud800""#, "\"a\nb\"", "\"a\tb\"", "\"\u{0}\"", "'a'",
        "&a [1]", "[&a 1, *a]", "1e99999999999999999999", "10e9223372036854775807", "{\"a\":[}", "// 1\n1",
    ])
    func refusesWhatIsNone(_ text: String) { #expect(JSONValue(parsing: text.utf8) == nil) }

    @Test func refusesWhatIsNoUTF8() {
        #expect(JSONValue(parsing: [0x22, 0xFF, 0x22]) == nil)
        #expect(JSONValue(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22]) == nil)
    }

    @Test func isNotLedAstrayByDepth() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(JSONValue(parsing: deep.utf8) == nil)
        #expect(JSONValue.scalarMembers(of: #"{"a":\#(deep)"#.utf8) == nil)
    }

    @Test(
        arguments: [("1", 1), ("-0.5", -0.5), ("1e3", 1000), ("9e300", 9e300), ("1e999", .infinity)]
            as [(String, Double)])
    func readsNumbers(_ text: String, _ means: Double) {
        #expect(JSONValue(parsing: text.utf8)?.double == means)
        #expect(JSONValue(parsing: "\"\(text)\"".utf8)?.double == nil)
    }

    /// Whatever stands beside them, and as they are written.
    @Test func readsTheScalarsOfAnObject() throws {
        let deep = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
        let text = #"""
            {"id":7, "rate": 1.50 ,"big":12345678901234567890,"on":true,"none":null,"text":"null","pair":"\ud83d\ude00",
             "json":{"a":"x\u0000y","b":"\ud800","c":[{}]},"deep":\#(deep),"half":"\ud800","\u0070hone":"100","e":""}
            """#
        let found = try #require(JSONValue.scalarMembers(of: text.utf8))
        #expect(found.map(\.name) == ["id", "rate", "big", "on", "text", "pair", "phone", "e"])
        #expect(found.map(\.text) == ["7", "1.50", "12345678901234567890", "true", "null", "😀", "100", ""])
    }

    @Test(arguments: ["", "7", "[]", "null", #"{"a":1"#, #"{"a":1}x"#, #"{"a":01}"#, "id: 7", "{\"a\":\"b\nc\"}"])
    func findsNoScalarsInWhatIsNoObject(_ text: String) { #expect(JSONValue.scalarMembers(of: text.utf8) == nil) }

    /// No bytes, however broken, bring the reader down.
    @Test func survivesDamage() {
        let whole = Array(#"{"a":[1,-2.5e3,"x\u00e9\n"],"b":{"c":null},"d":true}"#.utf8)
        for place in whole.indices {
            _ = JSONValue(parsing: whole[..<place])
            for byte in Array("\"\\{}[]:,-e.u0\u{0}".utf8) + [0xFF] {
                var bytes = whole
                bytes[place] = byte
                _ = JSONValue(parsing: bytes)
                _ = JSONValue.scalarMembers(of: bytes)
            }
        }
    }
}

import Testing

@testable import JSON

@Suite struct JSONComparisonTests {
    private static func difference(_ left: String, _ right: String) -> JSONComparison.Difference? {
        JSONComparison.difference(Array(left.utf8), Array(right.utf8))
    }

    @Test(arguments: [
        (#"{"a":1,"b":"x"}"#, #"{"b": "x", "a": 1}"#),
        (#"{"n":1.50}"#, #"{"n": 1.5}"#),
        (#"{"n":1e+20}"#, #"{"n": 100000000000000000000}"#),
        (#"{"n":-0.0}"#, #"{"n": 0}"#),
        (#"{"n":0.00001234}"#, #"{"n": 1.234e-5}"#),
        (#"{"s":"a\u000bb\/c\u00e9"}"#, "{\"s\": \"a\\u000Bb/cé\"}"),
        (#"{"s":"\ud83d\ude00"}"#, #"{"s": "😀"}"#),
        (#"{"l":[1,[2],{}],"o":{"x":null}}"#, #"{ "o": {"x": null}, "l": [1, [2], {}] }"#),
        (#"[]"#, " [ ] "), ("null", "null"), ("7", "7.0"), (#""x""#, #""\u0078""#),
        (#"{"a":1,"a":2}"#, #"{"a": 2}"#),
    ])
    func meansTheSame(_ left: String, _ right: String) {
        #expect(Self.difference(left, right) == nil)
        #expect(Self.difference(right, left) == nil)
    }

    @Test(arguments: [
        (#"{"a":1}"#, #"{"a":2}"#, "a"),
        (#"{"a":1}"#, #"{"a":"1"}"#, "a"),
        (#"{"a":1}"#, #"{"a":1,"b":null}"#, "b"),
        (#"{"a":{"b":[1,2]}}"#, #"{"a":{"b":[1,3]}}"#, "a.b[1]"),
        (#"[1,2]"#, #"[2,1]"#, "[0]"),
        (#"[1]"#, #"[1,1]"#, ""),
        (#"{"n":1.5}"#, #"{"n":1.50000000000000000001}"#, "n"),
        (#"{"n":10}"#, #"{"n":1}"#, "n"),
        (#"{"n":-1}"#, #"{"n":1}"#, "n"),
        // Composed and decomposed: equal as Swift strings, not as bytes.
        ("{\"s\":\"\u{E9}\"}", "{\"s\":\"e\u{301}\"}", "s"),
        (#"{"a":true}"#, #"{"a":false}"#, "a"),
        (#"{"a":1"#, #"{"a":1}"#, ""),
        ("", "null", ""), ("{}", "[]", ""), ("nulll", "null", ""), ("1-", "1", ""),
        (#"{"a":1}x"#, #"{"a":1}"#, ""),
    ])
    func differs(_ left: String, _ right: String, path: String) {
        #expect(Self.difference(left, right)?.path == path)
        #expect(Self.difference(right, left)?.path == path)
    }

    @Test func tellsBothSides() {
        let found = Self.difference(#"{"id":7,"name":"Ann"}"#, #"{"id":7,"name":"Anna"}"#)
        #expect(found == JSONComparison.Difference(path: "name", left: #""Ann""#, right: #""Anna""#))
    }
}

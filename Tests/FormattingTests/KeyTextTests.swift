import Testing

@testable import Formatting

@Suite("Text that others wrote, for people")
struct KeyTextTests {
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

    @Test("backslashes that begin nothing stand for themselves")
    func backslashes() {
        #expect(KeyText.bytes(#"a\b\x+f\x1"#) == Array(#"a\b\x+f\x1"#.utf8))
    }
}

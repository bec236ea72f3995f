import Testing

@testable import Formatting

@Suite("Text as a shell reads it")
struct ShellTextTests {
    @Test(
        "is in quotes where it needs some, whatever is in it",
        arguments: [
            ("/tmp/demo.env", "/tmp/demo.env"), ("/tmp/it's x", #"'/tmp/it'\''s x'"#), ("", "''"),
            // A quotation mark and the combining mark behind it are one `Character`.
            ("'\u{301};reboot", "''\\''\u{301};reboot'"),
        ])
    func words(_ text: String, _ word: String) {
        #expect(Array(ShellText.word(text).utf8) == Array(word.utf8))
    }
}

import Testing

@testable import LocalStack

@Suite("Short commands")
struct CommandTests {
    @Test("get their input whole")
    func input() async throws {
        let text = String(repeating: "a line\n", count: 200_000)
        let words = Launch(executable: "/usr/bin/wc", arguments: ["-c"])
        #expect(try await Command.run(words, input: text) == "\(text.utf8.count)\n")
        #expect(try await Command.run(words) == "0\n")
    }

    @Test("may end before they have read it")
    func unread() async throws {
        let text = String(repeating: "x", count: 1 << 20)
        for _ in 0..<50 {
            await #expect(throws: LocalStackError.self) {
                try await Command.run(Launch(executable: "/bin/false", arguments: []), input: text)
            }
        }
    }
}

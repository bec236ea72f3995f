import Testing

@testable import LocalStack

@Suite("The page on poolers and proxies")
struct PoolerPageTests {
    private static let page =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/") + "/docs/poolers-and-proxies.md"

    @Test("haproxy takes its examples as they are, without a warning")
    func haproxy() async throws {
        let page = try #require(Files.readTail(Self.page, limit: 1 << 20))
        let blocks = page.split(separator: "```haproxy\n").dropFirst().compactMap { $0.split(separator: "```").first }
        #expect(blocks.count >= 3)
        // The other examples go on from the first one.
        let defaults = try #require(blocks.first).split(separator: "\n\n")[0]
        for block in blocks {
            let example = block.hasPrefix("defaults") ? "\(block)" : "\(defaults)\n\n\(block)"
            // Also what it says where it succeeds.
            let check = "PATH=$PATH:/usr/sbin haproxy -c -f /dev/stdin 2>&1"
            let words = try await Command.run(
                Launch(executable: "/bin/sh", arguments: ["-c", check]), input: example)
            #expect(!words.contains("WARNING"), "\(words)")
        }
    }
}

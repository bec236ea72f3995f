import TestSupport
import Testing

/// What the two pages say in words, people compare; this compares what must not differ at all.
@Suite("README.zh-CN.md")
struct ReadmeTests {
    private struct Page {
        let headings: [Int]
        /// What commands print.
        let output: [String]
        let links: [String]
        /// The numbers of each row of a table.
        let numbers: [[String]]

        init(_ path: String) throws {
            let text = try ConfigurationFixture.read(path)
            let parts = text.split(separator: "```", omittingEmptySubsequences: false)
            let prose = parts.enumerated().filter { $0.offset.isMultiple(of: 2) }.map { String($0.element) }
            let lines = prose.joined().split(separator: "\n")
            headings = lines.filter { $0.hasPrefix("#") }.map { $0.prefix { $0 == "#" }.count }
            output = parts.map { String($0) }.filter { $0.hasPrefix("console\n") }
            links = prose.joined().matches(of: #/\]\(([^)]*)\)/#).map { String($0.1) }
                .filter { !$0.hasPrefix("README") }.sorted()
            numbers = lines.filter { $0.hasPrefix("|") }.map {
                $0.matches(of: #/[0-9][0-9.,]*/#).map { "\($0.0)" }.sorted()
            }
        }
    }

    @Test("shows, links and measures the same as README.md")
    func agrees() throws {
        let (english, chinese) = (try Page("README.md"), try Page("README.zh-CN.md"))
        #expect(english.headings.count > 6 && !english.output.isEmpty && english.links.count > 15)
        #expect(english.numbers.count > 12)
        #expect(chinese.headings == english.headings)
        #expect(chinese.output == english.output)
        #expect(chinese.links == english.links)
        #expect(chinese.numbers == english.numbers)
    }
}

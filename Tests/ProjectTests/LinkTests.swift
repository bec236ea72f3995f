import Foundation
import TestSupport
import Testing

/// Pages that lead to files which moved help nobody.
@Suite("The documents")
struct LinkTests {
    static let pages = [
        "ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "README.zh-CN.md", "RELEASING.md", "RUNBOOK.md",
        "SECURITY.md",
        "docs", "findings/README.md", "helm/baton/README.md", "verification/README.md",
    ]

    @Test("lead to files that are there")
    func links() throws {
        var count = 0
        for page in try SourceFiles.all(in: Self.pages) where page.hasSuffix(".md") {
            let folder = page.split(separator: "/").dropLast().joined(separator: "/")
            for link in try ConfigurationFixture.read(page).matches(of: #/\]\(([^)#:\s]+)(#[^)\s]*)?\)/#) {
                let path = "\(ConfigurationFixture.repository)/\(folder)/\(link.1)"
                #expect(FileManager.default.fileExists(atPath: path), "\(page) leads to \(link.1)")
                count += 1
            }
        }
        #expect(count > 150)
    }

    @Test("README.md is no longer than people read")
    func length() throws {
        let words = try ConfigurationFixture.read("README.md").split(whereSeparator: \.isWhitespace)
        #expect(words.count <= 900)
    }
}

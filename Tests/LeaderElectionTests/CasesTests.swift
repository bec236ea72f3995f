import Foundation
import Testing

/// `docs/election-cases.md` names for each case where it is tried. What it names must be there.
@Suite struct CasesTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The text of each test file, by its name without `.swift`, and the names of all scenarios.
    static func tests() throws -> (files: [String: String], scenarios: Set<String>) {
        var files: [String: String] = [:]
        var scenarios: Set<String> = []
        let folder = root.appending(path: "Tests")
        let entries = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        while let url = entries?.nextObject() as? URL {
            if url.pathExtension == "swift" {
                files[url.deletingPathExtension().lastPathComponent] = try String(contentsOf: url, encoding: .utf8)
            } else if url.pathExtension == "txt" {
                scenarios.insert(url.lastPathComponent)
            }
        }
        return (files, scenarios)
    }

    @Test func whatThePageNamesIsThere() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/election-cases.md"), encoding: .utf8)
        let (files, scenarios) = try Self.tests()
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| ") && $0.dropFirst(2).first?.isNumber == true }
        #expect(rows.count >= 19)
        for row in rows {
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            for (cell, isScenario) in [(cells[3], true), (cells[4], false)] {
                let names = cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                    .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
                #expect(!names.isEmpty, "case \(cells[0]) is not tried")
                for name in names {
                    let parts = name.split(separator: "/").map(String.init)
                    if isScenario {
                        #expect(scenarios.contains(name), "\(name), case \(cells[0])")
                    } else if let text = files[parts.last ?? ""] {
                        #expect(text.contains("@Test"), "\(name), case \(cells[0])")
                    } else {
                        let text = files[parts[0]] ?? ""
                        #expect(text.contains("func \(parts.last ?? "")("), "\(name), case \(cells[0])")
                    }
                }
            }
        }
    }
}

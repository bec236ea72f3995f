import TestSupport
import Testing

@testable import BatonConfiguration

/// The tables of docs/configuration.md say what the code says: each row comes from the line that reads the setting.
@Suite("docs/configuration.md")
struct DocumentationTests {
    @Test("has the tables that follow from the code, and no other rows")
    func tables() throws {
        let path = "\(ConfigurationFixture.repository)/config/baton.yaml"
        var headings: [String] = []
        var rows: [String: [String]] = [:]
        for setting in try Configuration.load(path: path, environment: [:]).settings {
            let documentation = setting.documentation
            let words = documentation.pattern.split(separator: ".")
            let isOfDatasets = documentation.variable?.hasPrefix("BATON_DATASETS_") ?? false
            let heading =
                words.count > 1
                ? "`\(words.dropLast().joined(separator: "."))`" : isOfDatasets ? "`datasets.yaml`" : "`baton.yaml`"
            let variable = documentation.variable.map { "`\($0)\(documentation.isSecret ? "[_FILE]" : "")`" } ?? "–"
            let row = "| `\(words.last ?? "")` | \(documentation.fallback) | \(variable) | \(documentation.meaning) |"
            if !headings.contains(heading) { headings.append(heading) }
            if rows[heading]?.contains(row) != true { rows[heading, default: []].append(row) }
        }
        let page = try ConfigurationFixture.read("docs/configuration.md")
        for heading in headings {
            let table =
                (["| key | default | variable | meaning |", "| --- | --- | --- | --- |"] + (rows[heading] ?? []))
                .joined(separator: "\n")
            let expected = "### \(heading)\n\n\(table)\n"
            #expect(page.contains(expected), "docs/configuration.md should say:\n\(expected)")
        }
        let documented = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.count
        #expect(documented == rows.values.reduce(0) { $0 + $1.count })
    }
}

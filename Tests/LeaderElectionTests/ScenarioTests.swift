import Foundation
import Testing

/// The scenarios are the readable description of the elector: each file tells a story as events, with what follows from
/// each indented below it. `BATON_UPDATE_SCENARIOS=1 swift test --filter ScenarioTests` writes what the elector does
/// now into them.
@Suite struct ScenarioTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Scenarios")
    static let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)).map { names in
        names.filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test func scenariosAreThere() {
        #expect((ScenarioTests.names ?? []).count >= 15)
    }

    @Test(arguments: names ?? []) func scenario(_ name: String) throws {
        let file = ScenarioTests.folder.appending(path: name)
        let expected = try String(contentsOf: file, encoding: .utf8)
        let actual = try Scenario.played(expected)
        if ProcessInfo.processInfo.environment["BATON_UPDATE_SCENARIOS"] == "1" {
            try actual.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(actual == expected, "\(name) goes differently:\n\(difference(from: expected, to: actual))")
    }

    @Test(arguments: [
        "5 unheardOf", "soon timer", "0 acquired", "0 started\n1 acquired epoch=-1", "0 started twice=yes",
    ])
    func nonsenseIsRefused(_ text: String) {
        #expect(throws: ScenarioError.self) { try Scenario.played(text) }
    }

    private func difference(from expected: String, to actual: String) -> String {
        let old = expected.split(separator: "\n", omittingEmptySubsequences: false)
        let new = actual.split(separator: "\n", omittingEmptySubsequences: false)
        let changes = new.difference(from: old)
        let removed = Set(
            changes.removals.compactMap { if case .remove(let offset, _, _) = $0 { offset } else { nil as Int? } })
        let inserted = Set(
            changes.insertions.compactMap { if case .insert(let offset, _, _) = $0 { offset } else { nil as Int? } })
        var lines: [String] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if removed.contains(left) {
                lines.append("-\(old[left])")
                left += 1
            } else if inserted.contains(right) {
                lines.append("+\(new[right])")
                right += 1
            } else {
                lines.append(" \(old[left])")
                left += 1
                right += 1
            }
        }
        return lines.joined(separator: "\n")
    }
}

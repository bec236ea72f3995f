import Foundation
import TestSupport
import Testing

/// Each script under findings/ has the form that findings/README.md promises. The tests run none: they need the network.
@Suite("findings")
struct FindingsTests {
    static let scripts = contents.filter { $0.hasSuffix(".sh") && $0 != "lib.sh" }

    private static let contents =
        (try? FileManager.default.contentsOfDirectory(atPath: "\(ConfigurationFixture.repository)/findings"))?.sorted()
        ?? []

    @Test("hold their scripts, what they share, and the page that lists them")
    func listed() throws {
        #expect(!Self.scripts.isEmpty)
        #expect(Self.contents == (Self.scripts + ["README.md", "lib.sh"]).sorted())
        let rows = try ConfigurationFixture.read("findings/README.md").split(separator: "\n").filter {
            $0.hasPrefix("| [`")
        }
        #expect(rows.count == Self.scripts.count)
    }

    @Test("have the form that they promise", arguments: scripts)
    func form(_ script: String) throws {
        let path = "\(ConfigurationFixture.repository)/findings/\(script)"
        #expect(FileManager.default.isExecutableFile(atPath: path))
        let lines = try ConfigurationFixture.read("findings/\(script)").split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.first == "#!/usr/bin/env bash")
        let comment = lines.dropFirst().prefix { $0.hasPrefix("#") }.map { $0.dropFirst().drop { $0 == " " } }
        let sentence = comment.prefix { !$0.isEmpty }.joined(separator: " ")
        #expect(
            try ConfigurationFixture.read("findings/README.md").contains("| [`\(script)`](\(script)) | \(sentence) |\n")
        )
        let parts = comment.compactMap { line in
            ["Expected", "Seen", "What helps", "Versions"].first { line.hasPrefix("\($0): ") }
        }
        #expect(parts == ["Expected", "Seen", "What helps", "Versions"])
        let body = lines.dropFirst(1 + comment.count)
        #expect(Array(body.prefix(2)) == ["set -u", #". "$(dirname "$0")/lib.sh""#])
        #expect(body.last { !$0.isEmpty } == "verdict")
        #expect(body.contains { $0.contains("seen ") })
        #expect(lines.allSatisfy { $0.utf8.count <= 120 })
    }

    @Test("install only packages of a stated version, in a folder that goes away with what they started")
    func shared() throws {
        let shared = try ConfigurationFixture.read("findings/lib.sh")
        #expect(shared.contains("\nwork=$(mktemp -d "))
        #expect(shared.contains("\ntrap clean_up EXIT\n"))
        for script in Self.scripts + ["lib.sh"] {
            let lines = try ConfigurationFixture.read("findings/\(script)").split(separator: "\n")
            let commands = lines.map { $0.drop { $0 == " " } }.filter { !$0.hasPrefix("#") }
            for command in commands {
                for package in command.matches(of: #/(?:^|[ ;])wheel (?!\()(\S+)/#).map(\.1) {
                    #expect(package.contains("=="), "\(script): \(package)")
                }
                for packages in command.matches(of: #/^debian (?!\()(.+)$/#).map(\.1) {
                    for package in packages.split(separator: " ") where package != "\\" {
                        #expect(package.contains("="), "\(script): \(package)")
                    }
                }
            }
        }
    }
}

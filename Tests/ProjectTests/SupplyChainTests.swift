import Foundation
import LocalStack
import Testing

/// What others wrote, and what is said of it.
@Suite struct SupplyChainTests {
    private static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    private struct Resolved: Decodable {
        struct Pin: Decodable {
            struct State: Decodable { var version: String? }
            var location: String
            var state: State
            /// The repository's name.
            var name: String {
                let name = location.split(separator: "/").last ?? ""
                return String(name.hasSuffix(".git") ? name.dropLast(4) : name)
            }
        }
        var pins: [Pin]
    }

    private static func pins() throws -> [Resolved.Pin] {
        let text = try Data(contentsOf: URL(fileURLWithPath: "\(repository)/Package.resolved"))
        return try JSONDecoder().decode(Resolved.self, from: text).pins
    }

    /// Of all packages that a build takes, those that are only brought along too.
    @Test func everyPackageIsAskedForInExactlyOneVersion() throws {
        for manifest in ["Package.swift", "Benchmarks/Package.swift", "Fuzzing/Package.swift"] {
            let text = try String(contentsOfFile: "\(Self.repository)/\(manifest)", encoding: .utf8)
            let asked = text.split(separator: "\n").filter { $0.contains(".package(url:") }
            for line in asked { #expect(line.contains("exact: \""), "\(manifest): \(line)") }
            guard manifest == "Package.swift" else { continue }
            for pin in try Self.pins() {
                let version = try #require(pin.state.version)
                #expect(
                    asked.contains { $0.contains("/\(pin.name)\", exact: \"\(version)\"") },
                    "Package.swift does not ask for \(pin.name) \(version)")
            }
        }
    }

    @Test func everyPackageHasItsLicence() async throws {
        let notices = try await Self.output(of: "notices")
        let titles = notices.split(separator: "\n").filter { $0.contains(": LICENSE") }
        for pin in try Self.pins() {
            #expect(titles.contains { $0.hasPrefix("\(pin.name) \(pin.state.version ?? "")") }, "\(pin.name)")
        }
        for words in ["Runtime Library Exception", "The BoringSSL Authors", "llhttp", "Apache License"] {
            #expect(notices.contains(words), "\(words)")
        }
    }

    @Test func theBillOfMaterialsNamesEverything() async throws {
        let text = try await Self.output(of: "sbom")
        #expect(try await Self.output(of: "sbom") == text)
        let bill = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(bill["bomFormat"] as? String == "CycloneDX" && bill["specVersion"] as? String == "1.6")
        let components = try #require(bill["components"] as? [[String: Any]])
        let addresses = components.compactMap { $0["purl"] as? String }
        #expect(Set(addresses).count == components.count)
        for pin in try Self.pins() {
            #expect(addresses.contains { $0.hasSuffix("/\(pin.name)@\(pin.state.version ?? "")") }, "\(pin.name)")
        }
        for package in ["libpq5", "libhiredis", "libyaml-0-2", "libssl3", "libc6"] {
            #expect(addresses.contains { $0.hasPrefix("pkg:deb/") && $0.contains("/\(package)") }, "\(package)")
        }
        let licensed = components.filter { ($0["purl"] as? String)?.hasPrefix("pkg:swift/") == true }
        for component in licensed { #expect((component["licenses"] as? [Any])?.isEmpty == false, "\(component)") }
    }

    @Test("An image is built from base images that are named by digest, or not at all", arguments: [true, false])
    func baseImages(hasDigests: Bool) async throws {
        let digest = hasDigests ? "sha256:" + String(repeating: "7", count: 64) : "none"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("baton-image-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let docker = folder.appendingPathComponent("docker").path
        let script = "#!/bin/sh\n[ \"$1\" = buildx ] && echo \(digest) || echo \"$@\"\n"
        #expect(
            FileManager.default.createFile(
                atPath: docker, contents: Data(script.utf8), attributes: [.posixPermissions: 0o755]))
        let process = try await ChildProcess.start(
            "\(Self.repository)/Scripts/build-image", ["baton:test"],
            environment: ["PATH": "\(folder.path):/usr/bin:/bin"], workingDirectory: "/")
        var output = ""
        for await line in process.standardOutput { output += line }
        var errors = ""
        for await line in process.standardError { errors += line }
        #expect(await process.wait().isSuccess == hasDigests)
        for image in ["SWIFT_IMAGE=swift:", "DEBIAN_IMAGE=debian:"] {
            let words = output.split(separator: " ").filter { $0.hasPrefix(image) }
            #expect(words.count == (hasDigests ? 1 : 0), "\(output)")
            for word in words { #expect(word.hasSuffix("@\(digest)"), "\(word)") }
        }
        #expect(errors.contains("names no digest") == !hasDigests, "\(errors)")
    }

    /// What a script prints.
    private static func output(of script: String) async throws -> String {
        let process = try await ChildProcess.start("\(repository)/Scripts/\(script)", workingDirectory: repository)
        var lines: [String] = []
        for await line in process.standardOutput { lines.append(line) }
        var errors: [String] = []
        for await line in process.standardError { errors.append(line) }
        #expect(await process.wait() == .exited(0), "\(errors)")
        return lines.joined(separator: "\n")
    }
}

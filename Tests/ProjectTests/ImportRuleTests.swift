import Foundation
import TestSupport
import Testing

/// Each layer stands on those below it, and knows nothing of those above.
@Suite("Imports go one way")
struct ImportRuleTests {
    private let sources: [String: String]
    private let rules: ImportRules

    init() throws {
        let paths = try SourceFiles.all(in: ["Sources"]).filter { $0.hasSuffix(".swift") }
        sources = try Dictionary(
            uniqueKeysWithValues: paths.map { path in
                (
                    String(path.dropFirst("Sources/".count)),
                    try String(contentsOfFile: "\(ConfigurationFixture.repository)/\(path)", encoding: .utf8)
                )
            })
        rules = ImportRules(
            electionTypes: Set(
                sources.filter { $0.key.hasPrefix("ElectionRuntime/") }.flatMap { ImportRules.types(of: $0.value) }))
    }

    @Test("A target imports only from those before it, in the order of the layers")
    func order() {
        var before: Set<String> = []
        for (target, imports) in ImportRules.layers {
            #expect(imports.subtracting(before) == [], "\(target) imports from above")
            before.insert(target)
        }
    }

    @Test("Each file imports what its target may, and no target may more than its files do")
    func files() throws {
        let faults = sources.flatMap { rules.faults(in: $0.value, path: $0.key) }
        #expect(faults.sorted() == [])
        let own = Set(ImportRules.layers.map(\.target))
        for (target, imports) in ImportRules.layers {
            let files = sources.filter { $0.key.hasPrefix(target + "/") }.map(\.value)
            #expect(files.reduce(into: []) { $0.formUnion(ImportRules.imports(of: $1)) } & own == imports, "\(target)")
        }
    }

    @Test("The package's targets depend on what their files import")
    func package() throws {
        let text = try String(contentsOfFile: "\(ConfigurationFixture.repository)/Package.swift", encoding: .utf8)
        let own = Set(ImportRules.layers.map(\.target))
        var found: Set<String> = []
        for declaration in text.split(separator: /\.(?:executableTarget|target|systemLibrary)\(/).dropFirst() {
            // Up to its settings; products of other packages have labels.
            let head =
                declaration.prefixMatch(of: /(?s).*?(?:swiftSettings|providers|pkgConfig):/)?.output ?? declaration
            let words = head.matches(of: /(name: |package: )?"([^"]+)"/)
            guard let target = words.first.map({ String($0.output.2) }), own.contains(target) else { continue }
            found.insert(target)
            let dependencies = Set(words.dropFirst().filter { $0.output.1 == nil }.map { String($0.output.2) })
            let imports = try #require(ImportRules.layers.first { $0.target == target }).imports
            #expect(dependencies & own == imports, "\(target)")
        }
        #expect(found == own)
    }

    @Test("Each test target depends on what its files import, and on nothing else of ours")
    func tests() throws {
        let text = try String(contentsOfFile: "\(ConfigurationFixture.repository)/Package.swift", encoding: .utf8)
        let own = Set(ImportRules.layers.map(\.target)).union(["TestSupport", "FuzzTargets"])
        let paths = try SourceFiles.all(in: ["Tests"]).filter { $0.hasSuffix(".swift") }
        for declaration in text.split(separator: ".testTarget(").dropFirst() {
            let head = declaration.prefixMatch(of: /(?s).*?swiftSettings:/)?.output ?? declaration
            let words = head.matches(of: /(name: |package: )?"([^"]+)"/)
            let target = try #require(words.first.map { String($0.output.2) })
            let dependencies = Set(words.dropFirst().filter { $0.output.1 == nil }.map { String($0.output.2) })
            var imports: Set<String> = []
            for path in paths where path.hasPrefix("Tests/\(target)/") {
                let file = try String(
                    contentsOfFile: "\(ConfigurationFixture.repository)/\(path)", encoding: .utf8)
                imports.formUnion(ImportRules.imports(of: file))
            }
            // Programs are run, not imported.
            let isRun: Set = ["baton", "baton-torture"]
            #expect((dependencies & own).subtracting(isRun) == (imports & own).subtracting(isRun), "\(target)")
        }
    }

    @Test(
        "A wrong import is found",
        arguments: [
            ("Operations/Status/X.swift", "internal import RefreshRuntime"),
            ("Operations/X.swift", "@testable import ElectionRuntime"),
            ("GroupState/X.swift", "package import struct BatonConfiguration.Configuration"),
            ("GroupState/X.swift", "internal import JSON; internal import ElectionRuntime"),
            ("ElectionRuntime/X.swift", "  import RefreshRuntime // for now"),
            ("Telemetry/X.swift", "#if DEBUG\ninternal import GroupState\n#endif"),
            ("StatusServer/X.swift", "internal import RefreshRuntime"),
            ("CacheRefresh/X.swift", "internal import Foundation"),
            ("CacheRefresh/X.swift", "internal import LeaderElection"),
            ("Formatting/X.swift", "internal import Glibc"),
            ("BatonConfiguration/X.swift", "internal import CLibyaml"),
            ("RefreshRuntime/X.swift", "private let store: LeaseStore"),
            ("RefreshRuntime/X.swift", "extension ElectionDriver {}"),
            ("Elsewhere/X.swift", ""),
            ("Operations/X.swift", "let keys = GroupKeys(prefix: prefix, group: name)"),
            ("RefreshRuntime/X.swift", #"let key = "\(prefix){baton:\(group)}:lease""#),
        ])
    func wrongImport(_ path: String, source: String) {
        #expect(rules.faults(in: source, path: path).count == 1)
    }

    @Test(
        "What is right, or only spoken of, is no fault",
        arguments: [
            ("RefreshRuntime/X.swift", "package import ElectionRuntime\nlet term: LeadershipTerm"),
            ("RefreshRuntime/X.swift", "/// As ``ElectionService`` does.\nlet x = 1  // not LeaseStore"),
            ("Operations/X.swift", "// import RefreshRuntime\ninternal import GroupState"),
            ("Operations/X.swift", #"let text = "we import RefreshRuntime""#),
            ("Formatting/WallClock.swift", "internal import Glibc"),
            ("Daemon/Group.swift", "let keys = GroupKeys(prefix: prefix, group: name)"),
            ("Demo/X.swift", #"let key = "{baton:default}:lease""#),
        ])
    func rightImport(_ path: String, source: String) {
        #expect(rules.faults(in: source, path: path) == [])
    }
}

extension Set {
    fileprivate static func & (left: Set, right: Set) -> Set { left.intersection(right) }
}

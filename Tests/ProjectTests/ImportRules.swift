/// Who may import what: looks at the text of one source file at a time.
struct ImportRules {
    /// Our targets from the bottom up, each with what it imports of the others, all of which stand before it.
    static let layers: [(target: String, imports: Set<String>)] = [
        // The pure cores and text.
        ("JSON", []),
        ("Formatting", []),
        ("LeaderElection", []),
        ("CacheRefresh", []),
        // Clients.
        ("CHiredis", []),
        ("CLibpq", []),
        ("CLibyaml", []),
        ("RedisClient", ["CHiredis", "Formatting"]),
        ("PostgresClient", ["CLibpq"]),
        // The daemon.
        (
            "BatonConfiguration",
            ["CLibyaml", "CacheRefresh", "Formatting", "LeaderElection", "PostgresClient", "RedisClient"]
        ),
        ("GroupState", ["CacheRefresh", "Formatting", "JSON", "LeaderElection", "RedisClient"]),
        ("DatasetReading", ["BatonConfiguration", "CacheRefresh", "Formatting", "PostgresClient"]),
        ("Telemetry", ["BatonConfiguration", "Formatting", "LeaderElection"]),
        ("ElectionRuntime", ["CacheRefresh", "GroupState", "LeaderElection", "RedisClient", "Telemetry"]),
        (
            "RefreshRuntime",
            [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "ElectionRuntime", "Formatting", "GroupState",
                "LeaderElection", "PostgresClient", "RedisClient", "Telemetry",
            ]
        ),
        ("StatusServer", ["BatonConfiguration", "ElectionRuntime", "Formatting", "LeaderElection", "Telemetry"]),
        // What commands do is done beside a running daemon: never by way of a runtime.
        (
            "Operations",
            [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "Formatting", "GroupState", "JSON",
                "LeaderElection", "PostgresClient", "RedisClient",
            ]
        ),
        (
            "Daemon",
            [
                "BatonConfiguration", "CacheRefresh", "DatasetReading", "ElectionRuntime", "Formatting", "GroupState",
                "LeaderElection", "PostgresClient", "RedisClient", "RefreshRuntime", "StatusServer", "Telemetry",
            ]
        ),
        // Real servers, drills and the programs.
        ("LocalStack", ["Formatting"]),
        ("Drills", ["JSON", "LocalStack"]),
        ("Faults", ["Drills", "Formatting", "LocalStack", "RedisClient"]),
        (
            "Demo",
            ["CacheRefresh", "Drills", "Formatting", "JSON", "LocalStack", "PostgresClient", "RedisClient"]
        ),
        ("ElectionSimulation", ["LeaderElection"]),
        ("baton-sim", ["ElectionSimulation"]),
        ("baton-torture", ["Faults"]),
        (
            "baton",
            [
                "BatonConfiguration", "Daemon", "Demo", "Formatting", "GroupState", "Operations", "PostgresClient",
                "StatusServer",
            ]
        ),
    ]

    /// They import nothing but the standard library…
    static let pure: Set = ["JSON", "Formatting", "LeaderElection", "CacheRefresh"]
    /// …except for these: the calendar and the time of day.
    static let impurities = ["Formatting/WallClock.swift": ["Glibc"]]
    /// Libraries of others that one file alone knows.
    static let secluded = ["CLibyaml": "BatonConfiguration/YAMLReader.swift"]
    /// All that `RefreshRuntime` may use of `ElectionRuntime`: the term, the work's protocol, and the signs of life.
    static let doors: Set = ["LeadershipTerm", "TermWork", "SignsOfLife", "WorkWatch"]

    /// Where a group's keys are made of a prefix and a name: once for a replica, once for the commands, and once for the
    /// cache tools that have no configuration.
    static let makersOfGroupKeys: Set = [
        "Daemon/Group.swift", "Operations/GroupKeys+Configuration.swift", "Operations/Cache/CacheTools.swift",
    ]
    /// The only file that knows how they look. Demo and faults look at a group from outside.
    static let homeOfGroupKeys = "GroupState/GroupKeys.swift"

    /// What is declared at the top of the files of `ElectionRuntime`.
    let electionTypes: Set<String>

    /// What a file does that it must not.
    ///
    /// - Parameter path: below `Sources`: `Target/…/File.swift`.
    func faults(in source: String, path: String) -> [String] {
        let target = String(path.prefix { $0 != "/" })
        guard let layer = Self.layers.first(where: { $0.target == target }) else {
            return ["\(path) belongs to a target that has no place among the layers"]
        }
        let own = Set(Self.layers.map(\.target))
        var faults: [String] = []
        for module in Self.imports(of: source) {
            if own.contains(module) {
                if !layer.imports.contains(module) { faults.append("\(path) imports \(module)") }
            } else if Self.pure.contains(target), Self.impurities[path]?.contains(module) != true {
                faults.append("\(path) imports \(module), and \(target) is pure")
            }
            if let home = Self.secluded[module], path != home { faults.append("\(path) imports \(module)") }
        }
        if target == "RefreshRuntime" {
            let used = electionTypes.subtracting(Self.doors).intersection(Self.words(of: source))
            faults += used.sorted().map { "\(path) uses \($0) of ElectionRuntime" }
        }
        let code = Self.code(of: source)
        if code.contains(where: { $0.contains("GroupKeys(prefix:") }), !Self.makersOfGroupKeys.contains(path) {
            faults.append("\(path) makes keys of a group: it is to be given them")
        }
        if code.contains(where: { $0.contains("{baton:") }), path != Self.homeOfGroupKeys,
            !["Demo", "Faults"].contains(target)
        {
            faults.append("\(path) writes a key of a group out: GroupKeys names them")
        }
        return faults
    }

    // MARK: Reading Swift

    /// The modules that a file imports, however it says so.
    static func imports(of source: String) -> Set<String> {
        // A name may follow what is imported of it: `import struct Foundation.Data`.
        let statement = /(?:^|[\s;])import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var)\s+)?(\w+)/
        return Set(
            code(of: source).flatMap { line in
                line.contains("\"") ? [] : line.matches(of: statement).map { String($0.output.1) }
            })
    }

    /// The types that a file declares at its top and does not keep to itself.
    static func types(of source: String) -> Set<String> {
        let declaration = /(?!private|fileprivate)(?:\w+ )*?(?:struct|class|enum|actor|protocol|typealias) (\w+)/
        return Set(code(of: source).compactMap { $0.prefixMatch(of: declaration).map { String($0.output.1) } })
    }

    private static func words(of source: String) -> Set<String> {
        Set(code(of: source).flatMap { $0.matches(of: /\w+/).map { String($0.output) } })
    }

    /// The lines without their comments.
    private static func code(of source: String) -> [Substring] {
        source.split(separator: "\n").map { line in line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line }
    }
}

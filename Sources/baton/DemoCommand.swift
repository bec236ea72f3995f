internal import ArgumentParser
internal import BatonConfiguration
internal import Demo
internal import Glibc
internal import GroupState
internal import Operations

/// `baton demo`: everything at once, on this machine, with nothing left behind.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show replicas at work on a private PostgreSQL and Redis with sample data.",
        discussion: """
            Starts both servers in a temporary folder on free ports of 127.0.0.1, fills a sample database, runs replicas \
            with the given configuration and keeps changing rows. On a terminal it shows them live, into a pipe it writes a \
            line for each event. It ends with Ctrl-C; servers, replicas and files are removed, also if it is killed.

            With --once one replica does one full pass of each dataset. Then every cached value is compared with what \
            PostgreSQL's own to_jsonb says. The status is 0 if all are equal, else 1.

            EXAMPLES
              baton demo
              baton demo --replicas 5 --for 30s
              baton demo --once --all
              baton demo --once --rows 1000000
            """)

    @Flag(name: .long, help: "Do one full pass, compare every cached value, and end.")
    var once = false

    @Flag(name: .long, help: "Switch all datasets on.")
    var all = false

    @Option(name: .long, help: ArgumentHelp("How many replicas compete.", valueName: "count"))
    var replicas = 3

    @Option(name: .long, help: ArgumentHelp("How many merchants the sample database has.", valueName: "count"))
    var rows = 2_000

    @Option(name: .customLong("for"), help: ArgumentHelp("End by itself after a time such as 30s.", valueName: "time"))
    var duration: DemoDuration?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file. (default: \(Self.exampleFile), else one that baton brings along)",
            valueName: "file"),
        completion: Completion.configurationFile)
    var config: String?

    /// The repository's example. `$BATON_CONFIG` is for servers that hold something, and not asked.
    private static let exampleFile = "config/baton.yaml"

    func validate() throws {
        if config?.isEmpty == true { throw ValidationError("--config is empty. Name a file, or leave it out.") }
        if !(1...20).contains(replicas) { throw ValidationError("--replicas is from 1 to 20.") }
        if !(1...100_000_000).contains(rows) { throw ValidationError("--rows is from 1 to 100000000.") }
        if once, duration != nil { throw ValidationError("--once and --for exclude one another.") }
    }

    func run() async throws {
        if let config { return try await run(config) }
        if access(Self.exampleFile, F_OK) == 0 { return try await run(Self.exampleFile) }
        try await ExampleFolder.with(SampleConfiguration.files) { try await run("\($0)/baton.yaml") }
    }

    private func run(_ path: String) async throws {
        let demo = Demo(try plan(path))
        do {
            guard once else { return try await demo.show() }
            if try await !demo.once() { throw ExitStatus.no }
        } catch let error as DemoError {
            Output.complain("baton: \(error)")
            throw error.code == .servers ? ExitStatus.unavailable : ExitStatus.no
        } catch is CancellationError {
            throw ExitCode(128 + SIGINT)
        }
    }

    private func plan(_ path: String) throws -> DemoPlan {
        var variables = Environment.variables
        var configuration = try Configuration.load(path: path, environment: variables)
        // The path is absolute for those who look into it from another folder.
        var changes: [String: String?] = ["BATON_CONFIG": Self.absolute(path)]
        if all {
            for setting in configuration.settings where setting.path.isSwitch {
                guard let variable = setting.variable else { continue }
                changes[variable] = .some("true")
                variables[variable] = "true"
            }
            configuration = try Configuration.load(path: path, environment: variables)
        }
        // The demo's URLs bring users and passwords.
        for setting in configuration.settings {
            guard let variable = setting.variable, setting.path.isCredential else { continue }
            changes.updateValue(nil, forKey: variable)
            changes.updateValue(nil, forKey: "\(variable)_FILE")
        }
        var plan = DemoPlan(
            executable: try Self.ownExecutable(), configuration: path,
            postgresVariables: [configuration.variable("postgres.url")].compactMap { $0 },
            redisVariables: configuration.redis.keys.compactMap { configuration.variable("redis.\($0).url") },
            environment: changes, datasets: configuration.datasets, keyPrefix: configuration.keyPrefix,
            leaseKey: GroupKeys(configuration).lease)
        plan.replicas = replicas
        plan.size = SampleDatabase.Size(merchants: rows)
        plan.duration = duration?.value
        return plan
    }

    private static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// This program, whatever the working directory and however it was called.
    private static func ownExecutable() throws -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        guard count > 0 else { throw ValidationError("/proc is needed, to find this program's own file.") }
        let text = String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard access(text, X_OK) == 0 else {
            throw ValidationError("\(text) was replaced while it ran, as by a build: start it again.")
        }
        return text
    }
}

extension Configuration {
    /// The variable that overrides a setting.
    fileprivate func variable(_ path: String) -> String? {
        settings.first { $0.path == path }?.variable
    }
}

extension String {
    /// Whether a setting of this path switches a dataset on or off.
    fileprivate var isSwitch: Bool { hasPrefix("datasets.") && hasSuffix(".enabled") }

    /// Whether a setting of this path says who signs in to a server.
    fileprivate var isCredential: Bool {
        (hasPrefix("redis.") || hasPrefix("postgres.")) && (hasSuffix(".password") || hasSuffix(".username"))
    }
}

/// A time such as `500ms`, `30s`, `5m` or `1h`.
struct DemoDuration: ExpressibleByArgument {
    let value: Duration

    init?(argument: String) {
        let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
        guard let unit = units.first(where: { argument.hasSuffix($0.suffix) }),
            let number = Double(argument.dropLast(unit.suffix.count)), number > 0, number * unit.milliseconds < 1e12
        else { return nil }
        value = .milliseconds(Int64(number * unit.milliseconds))
    }
}

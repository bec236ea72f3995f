internal import ArgumentParser
internal import Daemon
internal import Glibc

/// `baton cache`: looks at cached keys, clears them, keeps copies.
struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Look at the cached keys, clear some, or keep copies of them.",
        discussion: """
            Keys have families: those of the datasets, and those under `families` of the datasets file. With --redis or --host no \
            configuration is needed; then only the families appUsers and oaUsers of go-zero have names. None of it needs a lease, \
            or a replica that runs. A key that Baton keeps comes back with the leader's next pass.

            EXAMPLES
              baton cache test
              baton cache list
              baton cache get cache:appUsers:phone:13800000000
              baton cache clear phone 13800000000
              baton cache clear id 7 --redis redis://127.0.0.1:6379/0
            """,
        subcommands: [
            CacheListCommand.self, CacheGetCommand.self, CacheClearCommand.self, CacheTestCommand.self,
            CacheBackupCommand.self, CacheRestoreCommand.self,
        ])
}

/// Where the keys are, and how the answer is to look.
struct CacheOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file. (default: config/baton.yaml, unless the server is named)", valueName: "file"))
    var config: String?

    @Option(name: .long, help: ArgumentHelp("With a configuration: only this one of its Redises.", valueName: "name"))
    var server: String?

    @Option(name: .long, help: ArgumentHelp("Without a configuration: the Redis.", valueName: "url"))
    var redis: String?

    @Option(name: .long, help: ArgumentHelp("Without a configuration: the Redis' host.", valueName: "name"))
    var host: String?

    @Option(name: .long, help: ArgumentHelp("Its port. (default: 6379)", valueName: "number"))
    var port: Int?

    @Option(name: .customLong("db"), help: ArgumentHelp("The number of the database.", valueName: "number"))
    var database: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Without a configuration: the user. The password comes from $REDISCLI_AUTH, as for redis-cli.",
            valueName: "name"))
    var user: String?

    @Option(name: .long, help: ArgumentHelp("The password's file, instead of $REDISCLI_AUTH.", valueName: "file"))
    var passwordFile: String?

    @Option(name: .long, help: ArgumentHelp("Without a configuration: what goes before each key.", valueName: "text"))
    var keyPrefix: String?

    @Option(name: .long, help: ArgumentHelp("Without a configuration: the group of replicas.", valueName: "name"))
    var group: String?

    private var namesServer: Bool { redis != nil || host != nil || port != nil }

    func validate() throws {
        if redis != nil, host != nil || port != nil { throw ValidationError("--redis says the host and port already.") }
        if let port, !(1...65535).contains(port) { throw ValidationError("--port is from 1 to 65535.") }
        if let database, database < 0 { throw ValidationError("--db is at least 0.") }
        if namesServer {
            if config != nil { throw ValidationError("Give --config, or the server itself.") }
            if server != nil { throw ValidationError("--server names a Redis of the configuration.") }
        } else if keyPrefix != nil || group != nil || user != nil || passwordFile != nil {
            throw ValidationError("--key-prefix, --group, --user and --password-file go with --redis or --host.")
        }
    }

    func tools() throws -> CacheTools {
        guard namesServer else {
            let path = config ?? "config/baton.yaml"
            if config == nil, access(path, F_OK) != 0 {
                throw ValidationError(
                    "There is no \(path). Name a configuration (--config FILE), or the server itself: --redis redis://HOST:6379/0"
                )
            }
            return try CacheTools(
                try Configuration.load(path: path, environment: Environment.variables), server: server,
                database: database)
        }
        return try CacheTools(
            redis: redis, host: host, port: port, database: database, username: user,
            password: Environment.variables["REDISCLI_AUTH"], passwordFile: passwordFile, prefix: keyPrefix ?? "",
            group: group ?? "default")
    }
}

/// `baton cache list`.
struct CacheListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Count the keys of each family, or show those of one.",
        discussion: """
            Without a family it counts all of them. It reads the keys with SCAN, a page at a time: a large database is not \
            disturbed. The status is 0 if there are keys, 1 if not.

            EXAMPLES
              baton cache list
              baton cache list appUsers --values
              baton cache list --pattern 'session:*' --limit 100 --json
            """)

    @Argument(help: ArgumentHelp("A family, by its name or template.", valueName: "family"))
    var family: [String] = []

    @Option(name: .long, help: ArgumentHelp("Keys like this instead, such as 'user:*'.", valueName: "pattern"))
    var pattern: String?

    @Option(name: .long, help: ArgumentHelp("Show so many keys.", valueName: "count"))
    var limit = 20

    @Flag(name: .long, help: "Show the beginning of each value too.")
    var values = false

    @Option(
        name: .long, help: ArgumentHelp("Ask so many keys of each family for TTL, size and type.", valueName: "count"))
    var sample = 1000

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if limit < 0 || sample < 0 { throw ValidationError("--limit and --sample are at least 0.") }
        if json, limit > 10_000 { throw ValidationError("With --json, --limit is at most 10000.") }
        if pattern != nil, !family.isEmpty { throw ValidationError("A family or --pattern, not both.") }
    }

    func run() async throws {
        var request = CacheTools.ListRequest()
        request.families = family
        request.pattern = try pattern.map { try CachePattern($0) }
        request.limit = limit
        request.values = values
        request.sample = sample
        let bar = ProgressBar()
        let listing = try await options.tools().list(request, Output.layout, progress: bar.progress) { line in
            bar.clear()
            if !json { Output.write(line + "\n") }
        }
        bar.clear()
        Output.write(json ? listing.json : listing.summary(Output.layout, columns: Output.columns))
        if listing.status != .done { throw listing.status }
    }
}

/// `baton cache get`.
struct CacheGetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show what a key holds, its type and TTL, and what it points to.",
        discussion: """
            A value that is text is shown as it is; in keys and other values a byte that is no text is written \\xff, a backslash \
            \\\\. The status is 0 if the key is there, 1 if not.

            EXAMPLES
              baton cache get cache:appUsers:phone:13800000000
              baton cache get user:7 --json
              baton cache get report:2024 --raw > report
            """)

    @Argument(help: "The key.")
    var key: String

    @Flag(name: .long, help: "Write the bytes of a string, and nothing else.")
    var raw = false

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if raw, json { throw ValidationError("--raw and --json exclude one another.") }
    }

    func run() async throws {
        let tools = try options.tools()
        if raw {
            let status = try await tools.copyString(KeyText.bytes(key)) { Output.write($0) }
            if status != .done { throw status }
            return
        }
        let found = try await tools.get(KeyText.bytes(key))
        Output.write(json ? found.json : found.text(Output.layout))
        if found.status != .done { throw found.status }
    }
}

/// `baton cache test`.
struct CacheTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract:
            "Say whether this is the right Redis: connection, latency, database, and how many keys each family has.",
        discussion: """
            It looks for the likely mistakes: a wrong host, port or database number, another prefix, several Redises. It changes \
            nothing. The status is 0 without problems, 1 with problems, 69 or 77 if Redis can't be reached or refuses.

            EXAMPLES
              baton cache test
              baton cache test --host redis.internal --db 2
            """)

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func run() async throws {
        let bar = ProgressBar()
        let report = try await options.tools().test(progress: bar.progress)
        bar.clear()
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

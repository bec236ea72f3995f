internal import ArgumentParser
internal import BatonConfiguration
internal import Glibc
internal import Operations

/// Where the keys are, and how the answer is to look.
struct CacheOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file. (default: $BATON_CONFIG, else config/baton.yaml, unless the server is named)",
            valueName: "file"),
        completion: Completion.configurationFile)
    var config: String?

    @Option(
        name: .long, help: ArgumentHelp("With a configuration: only this one of its Redises.", valueName: "name"),
        completion: Completion.server)
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
            "Without a configuration: the user. The password comes from $REDISCLI_AUTH, as for redis-cli, unless the URL has one.",
            valueName: "name"))
    var user: String?

    @Option(
        name: .long, help: ArgumentHelp("The password's file, instead of $REDISCLI_AUTH.", valueName: "file"),
        completion: .file())
    var passwordFile: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Without a configuration: what goes before the keys of families. KEY and --pattern are typed whole.",
            valueName: "text"))
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
            let path = config ?? ConfigurationOptions.usualPath
            if config == nil, access(path, F_OK) != 0 {
                Output.complain(
                    "baton: There is no \(path). Name a configuration (--config FILE), or the server itself: "
                        + "--redis redis://HOST:6379/0")
                throw ExitStatus.configuration
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

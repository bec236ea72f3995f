internal import BatonConfiguration
internal import CacheRefresh
internal import GroupState
internal import RedisClient

/// The least that a Redis user needs for Baton: commands, keys and channels, as an `ACL SETUSER` line.
struct RedisGrants: Hashable, Sendable {
    /// Commands that are needed for one reason.
    struct Need: Sendable {
        let reason: String
        let commands: [String]
        var purposes: Set<Grants.Purpose> = [.run, .operator]
        /// Whether it is needed only where the lease is.
        var isForLease = false
    }

    /// Everything that is sent or that scripts call; a test compares it with the sources, and others take each of them
    /// away and see what is missed. `AUTH` and `HELLO` need no permission.
    static let needs = [
        Need(reason: "connections", commands: ["ping", "client|setname"]),
        Need(reason: "scripts", commands: ["script|load", "evalsha", "eval"]),
        Need(
            reason: "lease, fence and requests",
            commands: ["get", "type", "time", "pttl", "pexpire", "hget", "hmget", "hset", "hdel", "hgetall", "hlen"]),
        Need(reason: "history and wake-ups", commands: ["xadd", "publish", "pubsub|numsub"], isForLease: true),
        Need(reason: "an election", commands: ["del", "subscribe"], purposes: [.run], isForLease: true),
        Need(reason: "cached keys", commands: ["set"], purposes: [.run]),
        Need(reason: "cached keys", commands: ["unlink", "scan", "dbsize"]),
        Need(reason: "baton check, cache test and backup", commands: ["info"]),
        Need(reason: "baton step-down", commands: ["hvals"], purposes: [.operator], isForLease: true),
        Need(
            reason: "baton history and fsck", commands: ["xrevrange", "xlen", "persist"], purposes: [.operator],
            isForLease: true),
        Need(
            reason: "baton cache",
            commands: [
                "memory|usage", "getrange", "hscan", "sscan", "zscan", "lrange", "dump", "restore", "multi", "exec",
            ],
            purposes: [.operator]),
    ]

    let user: String
    /// Patterns, each once.
    let keys: [String]
    let channels: [String]
    let commands: [String]

    /// - Parameter purposes: what the user does.
    init(user: String, configuration: Configuration, redis name: String, for purposes: Set<Grants.Purpose>) {
        self.user = user
        let holdsLease = configuration.lease.redis == name
        let ours = Self.escaped(GroupKeys(configuration).beginning) + "*"
        var templates = configuration.enabledDatasets.filter { $0.redis == name }.flatMap(\.keys).map(\.template)
        // Keys that others keep: only the tools for them go there.
        if purposes.contains(.operator) {
            templates += configuration.families.filter { $0.redis == name }.flatMap(\.templates)
        }
        var keys = [ours]
        for template in templates {
            let pattern = Self.pattern(template, prefix: configuration.keyPrefix)
            if !keys.contains(pattern) { keys.append(pattern) }
        }
        self.keys = keys
        channels = holdsLease ? [ours] : []
        let needs = Self.needs.filter { !$0.purposes.isDisjoint(with: purposes) && (holdsLease || !$0.isForLease) }
        // Every connection begins in database 0.
        let select = configuration.redis[name]?.url.database ?? 0 == 0 ? [] : ["select"]
        commands = select + needs.flatMap(\.commands)
    }

    /// The line to give to `redis-cli`. It does not touch the password.
    var line: String {
        let words =
            ["ACL", "SETUSER", user, "on", "resetkeys", "resetchannels", "-@all"] + keys.map { "~\($0)" }
            + channels.map { "&\($0)" } + commands.map { "+\($0)" }
        return words.joined(separator: " ")
    }

    private static func pattern(_ template: KeyTemplate, prefix: String) -> String {
        var literal = prefix
        var pattern = ""
        for part in template.parts {
            switch part {
            case .literal(let text): literal += text
            case .column:
                pattern += escaped(literal) + "*"
                literal = ""
            }
        }
        return pattern + escaped(literal)
    }

    /// Literal text in a pattern. What an ACL rule can't hold, or `redis-cli` would take for itself, matches anything.
    private static func escaped(_ text: String) -> String {
        var pattern = ""
        for character in text.unicodeScalars {
            switch character {
            case "*", "?", "[", "]", "\\", "^", " ", "\"", "'", "\t", "\n", "\r": pattern += "?"
            default: pattern.unicodeScalars.append(character)
            }
        }
        return pattern
    }
}

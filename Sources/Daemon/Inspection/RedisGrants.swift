internal import CacheRefresh

/// The least that a Redis user needs for Baton: commands, keys and channels, as an `ACL SETUSER` line.
struct RedisGrants: Hashable, Sendable {
    /// Everything that is sent or that scripts call, with the reason; a test compares it with the sources.
    static let commands: [(reason: String, commands: [String])] = [
        ("connections", ["ping", "select", "client|setname"]),
        ("scripts", ["script|load", "evalsha", "eval"]),
        ("lease and fence", ["get", "set", "del", "type", "time", "pttl", "pexpire", "hget", "hmget", "hset", "hdel"]),
        ("replicas and wishes", ["hvals"]),
        ("history, wake-ups and crash detection", ["xadd", "publish", "subscribe", "unsubscribe", "pubsub|numsub"]),
        ("cached keys", ["unlink", "hgetall", "scan", "dbsize"]),
        ("baton check", ["info"]),
        ("baton history and fsck", ["xrevrange", "xlen", "hlen", "persist"]),
        (
            "baton cache",
            ["memory|usage", "getrange", "hscan", "sscan", "zscan", "lrange", "dump", "restore", "multi", "exec"]
        ),
    ]

    let user: String
    /// Patterns, each once.
    let keys: [String]
    let channels: [String]

    init(user: String, configuration: Configuration, redis name: String) {
        self.user = user
        let ours = Self.escaped("\(configuration.keyPrefix){baton:\(configuration.group)}:") + "*"
        var keys = [ours]
        for dataset in configuration.enabledDatasets where dataset.redis == name {
            for family in dataset.keys {
                let pattern = Self.pattern(family.template, prefix: configuration.keyPrefix)
                if !keys.contains(pattern) { keys.append(pattern) }
            }
        }
        for template in configuration.families.filter({ $0.redis == name }).flatMap(\.templates) {
            let pattern = Self.pattern(template, prefix: configuration.keyPrefix)
            if !keys.contains(pattern) { keys.append(pattern) }
        }
        self.keys = keys
        channels = configuration.lease.redis == name ? [ours] : []
    }

    /// To be given to `redis-cli`. The password is not touched.
    var line: String {
        let words =
            ["ACL", "SETUSER", user, "on", "resetkeys", "resetchannels", "-@all"] + keys.map { "~\($0)" }
            + channels.map { "&\($0)" } + Self.commands.flatMap(\.commands).map { "+\($0)" }
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

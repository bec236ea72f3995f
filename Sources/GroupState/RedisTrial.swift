package import CacheRefresh
internal import LeaderElection
package import RedisClient

/// Tries at a Redis what replicas do there, with keys of its own, and leaves nothing behind.
package struct RedisTrial {
    /// One command with its arguments.
    struct Attempt: Hashable, Sendable {
        let words: [String]

        init(_ words: String...) { self.words = words }

        /// The name that a permission has for it, such as `get` or `pubsub|numsub`.
        var command: String { words.prefix(words[0] == "PUBSUB" ? 2 : 1).joined(separator: "|").lowercased() }
    }

    let keys: GroupKeys
    /// The election takes place there, not only the cached keys.
    let holdsLease: Bool
    var keyPrefix = ""
    /// The templates of the keys that datasets have there.
    var templates: [KeyTemplate] = []

    package init(keys: GroupKeys, holdsLease: Bool, keyPrefix: String = "", templates: [KeyTemplate] = []) {
        self.keys = keys
        self.holdsLease = holdsLease
        self.keyPrefix = keyPrefix
        self.templates = templates
    }

    /// The commands to try: those of scripts there, and those that are sent singly.
    var attempts: [Attempt] {
        let text = keys.trial + ":text"
        let hash = keys.trial + ":hash"
        let stream = keys.trial + ":stream"
        var attempts = [
            // The first one takes memory: a full Redis refuses it, and takes it after one that takes none.
            Attempt("SET", text, "", "PX", "1000"), Attempt("GET", text), Attempt("TYPE", text),
            Attempt("PTTL", text), Attempt("PEXPIRE", text, "1000"), Attempt("UNLINK", text),
            Attempt("HSET", hash, "field", ""), Attempt("HGET", hash, "field"), Attempt("HMGET", hash, "field"),
            Attempt("HGETALL", hash), Attempt("HLEN", hash), Attempt("HDEL", hash, "field"),
            Attempt("TIME"), Attempt("SCAN", "0", "MATCH", text, "COUNT", "1"), Attempt("DBSIZE"),
        ]
        if holdsLease {
            attempts += [
                Attempt("XADD", stream, "MAXLEN", "~", "1", "*", "event", "trial"), Attempt("DEL", stream),
                Attempt("PUBSUB", "NUMSUB", keys.trial), Attempt("PUBLISH", keys.trial, ""),
            ]
        }
        return attempts
    }

    private var triedKeys: [String] { ["text", "hash", "stream"].map { "\(keys.trial):\($0)" } }

    /// What is refused of all that replicas do there, each reason once.
    ///
    /// - Parameter client: a client of the same server, to subscribe with.
    /// - Throws: `RedisError` if the server can't be asked.
    package func refusals(
        on connection: RedisConnection, subscribing client: RedisClient
    ) async throws(RedisError) -> [RedisRefusal] {
        var refusals = RedisRefusal.List()
        if holdsLease, let error = try await refusalOfSubscribing(client) { refusals.add(error, to: "subscribe") }
        guard try await canRunScripts(connection, &refusals) else { return refusals.all }
        try await run(attempts, on: connection, &refusals)
        guard !refusals.concern("pttl"), !refusals.concern("unlink") else { return refusals.all }
        // Read and deleted, though nothing is there.
        for template in templates {
            var found = RedisRefusal.List()
            let key = absentKey(template)
            try await run([Attempt("PTTL", key), Attempt("UNLINK", key)], on: connection, &found)
            if found.all.contains(where: { $0.reason == .permission }) {
                refusals.add(.keys, to: keyPrefix + template.description)
            }
        }
        return refusals.all
    }

    /// Why the server takes no writes that need memory; nil if it takes them, or this can't be tried.
    package static func refusalOfWrites(
        _ keys: GroupKeys, on client: RedisClient
    ) async throws(RedisError) -> RedisServerError? {
        let trial = RedisTrial(keys: keys, holdsLease: true)
        var refusals = RedisRefusal.List()
        do throws(RedisError) {
            let write = Attempt("HSET", trial.triedKeys[1], "field", "")
            try await trial.run([write], on: try await client.connection(), &refusals)
        } catch {
            guard error.serverError != nil else { throw error }
        }
        for case .writes(let error) in refusals.all.map(\.reason) { return error }
        return nil
    }

    // MARK: Names

    /// The names of commands, each sent without what belongs to it: that changes nothing, and a server that knows the
    /// name says what is missing.
    struct Names {
        fileprivate let replies: [(command: String, reply: RedisPendingReply)]

        /// Which of them the server does not know; nil if it knows all.
        func refusal() async throws(RedisError) -> RedisRefusal? {
            var unknown = RedisRefusal.List()
            for (command, reply) in replies {
                do throws(RedisError) {
                    _ = try await reply.value()
                } catch {
                    guard let refusal = error.serverError else { throw error }
                    if refusal.kind == .unknownCommand { unknown.add(.unknown, to: command) }
                }
            }
            return unknown.all.first
        }
    }

    /// Asks whether the server knows all commands that replicas use there, for those who have no time for more.
    func namesOnly(on connection: RedisConnection, timeout: Duration) -> Names {
        var names: [String] = []
        let others = ["SCRIPT", "EVALSHA", "EVAL"] + (holdsLease ? ["SUBSCRIBE"] : [])
        for name in others + attempts.map({ $0.words[0] }) where !names.contains(name) { names.append(name) }
        return Names(
            replies: names.map {
                ($0.lowercased(), connection.submit(RedisCommand($0), timeout: timeout))
            })
    }

    // MARK: Trying

    private func run(
        _ attempts: [Attempt], on connection: RedisConnection, _ refusals: inout RedisRefusal.List
    ) async throws(RedisError) {
        let reply = try await connection.evaluate(
            ElectionScript.trial, keys: triedKeys, arguments: attempts.flatMap { ["\($0.words.count)"] + $0.words })
        for (attempt, answer) in zip(attempts, reply.array ?? []) {
            if case .error(let error) = answer { refusals.add(error, to: attempt.command) }
        }
    }

    /// Whether scripts can be loaded and called; also by their source, as after somebody made the server forget them.
    private func canRunScripts(
        _ connection: RedisConnection, _ refusals: inout RedisRefusal.List
    ) async throws(RedisError) -> Bool {
        let source = ElectionScript.trial.source
        func ask(_ command: String, _ words: String...) async throws(RedisError) -> RedisValue? {
            do throws(RedisError) {
                return try await connection.send(RedisCommand(words))
            } catch {
                guard let refusal = error.serverError else { throw error }
                // A command without its sha is not known, and why there is none was told before.
                if refusal.kind != .noScript { refusals.add(refusal, to: command) }
                return nil
            }
        }
        let sha = try await ask("script|load", "SCRIPT", "LOAD", source)?.string
        let answer = try await ask("evalsha", "EVALSHA", sha ?? String(repeating: "0", count: 40), "0")
        _ = try await ask("eval", "EVAL", source, "0")
        return sha != nil && answer != nil
    }

    private func refusalOfSubscribing(_ client: RedisClient) async throws(RedisError) -> RedisServerError? {
        let subscription = client.subscribe(to: [keys.trial])
        var refusal: RedisError?
        for await event in subscription {
            if case .lost(let error) = event { refusal = error }
            break
        }
        await subscription.close()
        guard let refusal else { return nil }
        guard let error = refusal.serverError else { throw refusal }
        return error
    }

    /// A key that this template can make and nobody has.
    private func absentKey(_ template: KeyTemplate) -> String {
        var random = SystemRandomNumberGenerator()
        let value = "\(Token(using: &random))"
        return keyPrefix
            + template.parts.map { part in
                switch part {
                case .literal(let text): text
                case .column: value
                }
            }.joined()
    }
}

import GroupState
import LocalStack
import RedisClient
import TestSupport

@testable import CacheRefresh

/// A fence on a real Redis, and `write.lua` called by hand: any batch, of anybody, at any time.
struct ScriptBench {
    struct Operation: Sendable {
        let letter: String
        let key: String
        let arguments: [String]

        init(_ letter: String, _ key: String, _ arguments: [String] = []) {
            (self.letter, self.key, self.arguments) = (letter, key, arguments)
        }
    }

    let world: RefreshWorld
    var script = WriteScript.script
    var fenceKey: String { world.keys.fence }

    /// Runs `body` where the fence is that of epoch 7, token `mine`, sequence 0.
    static func with(
        redis options: LocalRedis.Options? = nil, _ body: (ScriptBench) async throws -> Void
    ) async throws {
        try await RefreshWorld.onRedisOnly(redis: options) { world in
            let bench = ScriptBench(world: world)
            try await bench.setFence(epoch: "7", token: "mine")
            try await body(bench)
        }
    }

    func setFence(epoch: String, token: String) async throws {
        try await send(["HSET", fenceKey, "epoch", epoch, "token", token, "sequence", "0"])
    }

    func sequence() async throws -> String? { try await send(["HGET", fenceKey, "sequence"]).string }

    @discardableResult
    func send(_ words: [String]) async throws -> RedisValue { try await world.redis.send(RedisCommand(words)) }

    /// Calls the script.
    func write(
        _ operations: [Operation], epoch: String = "7", token: String = "mine", previous: Int64 = 0
    ) async throws -> WriteAnswer {
        let value = try await world.redis.evaluate(
            script, keys: [fenceKey] + operations.map(\.key),
            arguments: [epoch, token, "\(previous)", "\(previous + 1)", operations.map(\.letter).joined()]
                + operations.flatMap(\.arguments))
        return try WriteAnswer(value)
    }

    /// Calls the script with the batch that the fence wants, which must be accepted.
    @discardableResult
    func done(_ operations: [Operation]) async throws -> BatchOutcome {
        let answer = try await write(operations, previous: Int64(try await sequence() ?? "") ?? 0)
        guard case .done(let outcome) = answer else { throw RefreshWorld.Unexpected("\(answer)") }
        return outcome
    }

    /// Type, content and TTL of a key: `old` up to 50 s, `new` up to 90 s, else `none`.
    func state(of key: String) async throws -> String {
        let type = try await send(["TYPE", key]).string ?? ""
        let content: String
        switch type {
        case "string": content = try await send(["GET", key]).string ?? ""
        case "hash":
            let words = (try await send(["HGETALL", key]).array ?? []).compactMap(\.string)
            content = stride(from: 0, to: words.count, by: 2).map { "\(words[$0])=\(words[$0 + 1])" }.sorted()
                .joined(separator: " ")
        default: return type
        }
        return "\(type) \(content) \(Self.age(try await send(["PTTL", key]).int ?? 0))"
    }

    private static func age(_ ttl: Int64) -> String { ttl < 0 ? "none" : ttl <= 50_000 ? "old" : "new" }

    /// What the script answered of the only operation of a batch.
    func text(of outcome: BatchOutcome) -> String {
        var words = outcome.failures.map { "failed \($0.message.prefix { $0 != " " })" }
        words += outcome.kept.map { "kept \(Self.age($0.ttlMilliseconds))" }
        words += outcome.missing.map { _ in "missing" }
        return words.joined(separator: " ")
    }
}

import Glibc
import LocalStack
import RedisClient
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct ClientTests {
    @Test func opensOneConnectionForMany() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { other in
                let before = try await Self.connectionsReceived(other)
                try await Support.withClient(Support.configuration(redis.url)) { client in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<50 { group.addTask { _ = try await client.send(RedisCommand("INCR", "n")) } }
                        try await group.waitForAll()
                    }
                    #expect(try await client.send(RedisCommand("GET", "n")).int == 50)
                    #expect(try await Self.connectionsReceived(other) == before + 1)
                    let first = try await client.connection()
                    let second = try await client.connection()
                    #expect(first === second)
                }
            }
        }
    }

    private static func connectionsReceived(_ client: RedisClient) async throws -> Int {
        let statistics = try await client.send(RedisCommand("INFO", "stats")).string ?? ""
        let line = statistics.split(whereSeparator: \.isNewline).first { $0.hasPrefix("total_connections_received:") }
        return try #require(line.flatMap { Int($0.drop { $0 != ":" }.dropFirst()) })
    }

    @Test func reconnectsAfterARestart() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                let first = try await client.connection()
                #expect(try await client.send(RedisCommand("PING")) == .status("PONG"))
                await redis.stop()
                await first.waitUntilClosed()
                let error = try await Support.failure { () throws(RedisError) in
                    try await client.send(RedisCommand("PING"))
                }
                #expect(error.code == .unreachable)
                #expect(error.delivery == .notSent)
                try await redis.restart()
                try await Support.eventually {
                    (try? await client.send(RedisCommand("PING"))) == .status("PONG")
                }
                let second = try await client.connection()
                #expect(second !== first)
                #expect(second.openedAt > first.openedAt)
            }
        }
    }

    @Test func limitsTheWaitForAConnection() async throws {
        let port = try freePort()
        var configuration = try Support.configuration("redis://127.0.0.1:\(port)")
        configuration.backoff = RedisBackoff(initial: .seconds(600), maximum: .seconds(600))
        try await Support.withClient(configuration) { client in
            let first = try await Support.failure { () throws(RedisError) in try await client.connection().isOpen }
            #expect(first.code == .unreachable)
            // The next attempt is minutes away; whoever does not wait is told what failed last.
            let second = try await Support.failure { () throws(RedisError) in
                try await client.send(RedisCommand("PING"), timeout: .milliseconds(50))
            }
            #expect(second.code == .unreachable)
            #expect(second.delivery == .notSent)
        }
    }

    @Test func closingEndsWaiting() async throws {
        let port = try freePort()
        var configuration = try Support.configuration("redis://127.0.0.1:\(port)")
        configuration.backoff = RedisBackoff(initial: .seconds(600), maximum: .seconds(600))
        let client = RedisClient(configuration, eventLoop: Support.eventLoop, logger: Support.logger)
        _ = try await Support.failure { () throws(RedisError) in try await client.connection().isOpen }
        async let waiting = Support.failure { () throws(RedisError) in try await client.connection().isOpen }
        await client.close()
        #expect(try await waiting.code == .closed)
        let late = try await Support.failure { () throws(RedisError) in try await client.connection().isOpen }
        #expect(late.code == .closed)
        await client.close()
    }

    @Test func cancellingAWaitLeavesTheAttempt() async throws {
        let server = try await FakeServer.start(answering: [])
        try await Support.withClient(Support.configuration(server.url)) { client in
            let task = Task { () async -> RedisError.Code? in
                do throws(RedisError) {
                    _ = try await client.connection()
                    return nil
                } catch {
                    return error.code
                }
            }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
        await server.close()
    }

    // MARK: Scripts

    private static let script = RedisScript(
        name: "greet", source: "redis.call('INCR', KEYS[1]); return {KEYS[1], ARGV[1], ARGV[2]}")

    @Test func runsScriptsBySHA() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                for _ in 0..<3 {
                    let reply = try await client.evaluate(Self.script, keys: ["k"], arguments: ["a", "é"])
                    #expect(reply.array?.compactMap(\.string) == ["k", "a", "é"])
                }
                let statistics = try await client.send(RedisCommand("INFO", "commandstats")).string ?? ""
                #expect(statistics.contains("cmdstat_evalsha:calls=3,"))
                #expect(statistics.contains("cmdstat_script|load:calls=1,"))
                #expect(!statistics.contains("cmdstat_eval:"))
            }
        }
    }

    @Test func sendsTheSourceToAServerThatForgotIt() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                let sha = try await connection.load(Self.script)
                #expect(sha.count == 40)
                _ = try await connection.send(RedisCommand("SCRIPT", "FLUSH"))
                for _ in 0..<2 {
                    _ = try await connection.evaluate(Self.script, keys: ["k"], arguments: ["a", "b"])
                }
                #expect(try await connection.send(RedisCommand("GET", "k")).int == 2)
                let known = try await connection.send(RedisCommand("SCRIPT", "EXISTS", sha))
                #expect(known == .array([.integer(1)]))
            }
        }
    }

    @Test func runsScriptsOfUsersWhoMayNotLoadThem() async throws {
        var options = LocalRedis.Options()
        options.aclLines = ["few on >x ~* -@all +eval +evalsha +incr +get"]
        try await LocalRedis.withServer(options) { redis in
            try await Support.withClient(Support.configuration("redis://few:x@127.0.0.1:\(redis.port)")) { client in
                for _ in 0..<2 { _ = try await client.evaluate(Self.script, keys: ["k"], arguments: ["a", "b"]) }
                #expect(try await client.send(RedisCommand("GET", "k")).int == 2)
            }
        }
    }

    @Test func reportsScriptsThatFail() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                let broken = try await Support.failure { () throws(RedisError) in
                    try await client.evaluate(RedisScript(name: "b", source: "return ("), keys: [], arguments: [])
                }
                #expect(broken.serverError?.prefix == "ERR")
                _ = try await client.send(RedisCommand("SET", "text", "x"))
                let failing = try await Support.failure { () throws(RedisError) in
                    try await client.evaluate(
                        RedisScript(name: "f", source: "return redis.call('LPUSH', KEYS[1], 'x')"), keys: ["text"],
                        arguments: [])
                }
                #expect(failing.serverError?.kind == .wrongType)
                #expect(failing.delivery == .rejected)
            }
        }
    }

    @Test func saysWhatKindOfTroubleAServerHas() async throws {
        var options = LocalRedis.Options()
        options.configuration = ["maxmemory 100kb", "maxmemory-policy noeviction"]
        try await LocalRedis.withServer(options) { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                func kind(_ command: RedisCommand) async throws -> RedisServerError.Kind? {
                    try await Support.failure { () throws(RedisError) in try await client.send(command) }.serverError?
                        .kind
                }
                let script = "return redis.call('SET', KEYS[1], ARGV[1])"
                #expect(try await kind(RedisCommand("SET", "a", "b")) == .outOfMemory)
                #expect(try await kind(RedisCommand("EVAL", script, "1", "a", "b")) == .outOfMemory)
                _ = try await client.send(RedisCommand("CONFIG", "SET", "maxmemory", "0", "min-replicas-to-write", "1"))
                #expect(try await kind(RedisCommand("SET", "a", "b")) == .noReplicas)
                #expect(try await kind(RedisCommand("EVALSHA", String(repeating: "0", count: 40), "0")) == .noScript)
                _ = try await client.send(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
                #expect(try await kind(RedisCommand("SET", "a", "b")) == .readOnly)
                _ = try await client.send(RedisCommand("CONFIG", "SET", "replica-serve-stale-data", "no"))
                #expect(try await kind(RedisCommand("GET", "a")) == .masterDown)
            }
        }
    }
}

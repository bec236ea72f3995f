import Glibc
import LocalStack
import RedisClient
import Testing

@Suite(.timeLimit(.minutes(5))) struct TransactionTests {
    @Test func runsInOneStep() async throws {
        try await LocalRedis.withServer { redis in
            var settings = try Support.configuration(redis.url)
            settings.pipelineDepth = 2
            try await Support.withConnection(settings) { connection in
                let answers = try await connection.transaction([
                    RedisCommand("SET", "a", "1"), RedisCommand("LPUSH", "a", "x"), RedisCommand("INCR", "a"),
                ])
                #expect(answers.count == 3)
                #expect(try answers[0].get() == .status("OK") && answers[2].get() == .integer(2))
                let wrong = #expect(throws: RedisError.self) { _ = try answers[1].get() }
                #expect(wrong?.serverError?.kind == .wrongType)
                // What the server or the protocol refuses lets none of them run, and the reason is told.
                let refused = await #expect(throws: RedisError.self) {
                    _ = try await connection.transaction([RedisCommand("INCR", "a"), RedisCommand("SET", "a")])
                }
                #expect(refused?.delivery == .rejected)
                #expect(refused?.serverError?.message.contains("wrong number") == true)
                let unsent = await #expect(throws: RedisError.self) {
                    _ = try await connection.transaction([RedisCommand("INCR", "a"), RedisCommand([String]())])
                }
                #expect(unsent?.delivery == .notSent)
                _ = try await connection.send(RedisCommand("CONFIG", "SET", "maxmemory", "1"))
                let full = await #expect(throws: RedisError.self) {
                    _ = try await connection.transaction([RedisCommand("INCR", "a")])
                }
                #expect(full?.serverError?.kind == .outOfMemory)
                #expect(try await connection.send(RedisCommand("GET", "a")).int == 2)
            }
        }
    }

    /// Behind a `MULTI` that is refused each command would be run at once.
    @Test func runsNothingIfMultiIsRefused() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                _ = try await connection.send(
                    RedisCommand("ACL", "SETUSER", "one", "on", "nopass", "~*", "+@all", "-multi"))
                _ = try await connection.send(RedisCommand("AUTH", "one", "x"))
                let error = await #expect(throws: RedisError.self) {
                    _ = try await connection.transaction([RedisCommand("SET", "a", "1")])
                }
                #expect(error?.serverError?.kind == .noPermission)
                #expect(try await connection.send(RedisCommand("EXISTS", "a")).int == 0)
            }
        }
    }

    /// Before `MULTI` is answered nothing can have run.
    @Test func closesTheConnectionIfItDidNotBegin() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Self.impatient(redis.url)) { connection in
                try redis.signal(SIGSTOP)
                let error = await #expect(throws: RedisError.self) {
                    _ = try await connection.transaction([RedisCommand("INCR", "a")])
                }
                try redis.signal(SIGCONT)
                #expect(error?.delivery == .notSent && !connection.isOpen)
            }
        }
    }

    /// The server holds `EXEC` back, and the connection ends meanwhile.
    @Test func doesNotKnowWhetherItRan() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Self.impatient(redis.url)) { connection in
                _ = try await connection.send(RedisCommand("CLIENT", "PAUSE", "60000", "WRITE"))
                let error = await #expect(throws: RedisError.self) {
                    _ = try await connection.transaction([RedisCommand("INCR", "a")])
                }
                #expect(error?.delivery == .unknown && !connection.isOpen)
            }
        }
    }

    /// Gives up soon enough for a test, and late enough for a slow machine.
    private static func impatient(_ url: String) throws -> RedisConfiguration {
        var settings = try Support.configuration(url)
        settings.commandTimeout = .seconds(3)
        return settings
    }
}

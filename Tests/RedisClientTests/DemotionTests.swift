import LocalStack
import Logging
import Testing

@testable import RedisClient

/// A server that was demoted, behind an address whose new connections lead elsewhere.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DemotionTests {
    private static let increment = RedisScript(name: "increment", source: "return redis.call('INCR', KEYS[1])")

    @Test(arguments: [["READONLY"], ["MASTERDOWN", "CONFIG SET replica-serve-stale-data no"]])
    func whoeverIsToldMovesAllConnections(_ demotion: [String]) async throws {
        try await LocalRedis.withServer { old in
            try await LocalRedis.withServer { new in
                try await LocalHAProxy.withServer(to: [old.port]) { proxy async throws in
                    let configuration = try Support.configuration(old.url(port: proxy.port))
                    try await Support.withClient(configuration) { teller in
                        try await Support.withClient(configuration) { other in
                            let subscription = other.subscribe(to: ["news"])
                            var events = subscription.makeAsyncIterator()
                            #expect(await events.next()?.text == "subscribed")
                            let before = try await other.connection()
                            _ = try await teller.evaluate(Self.increment, keys: ["n"], arguments: [])

                            try await proxy.direct(to: [new.port])
                            try await Support.withConnection(Support.configuration(old.url)) { old in
                                _ = try await old.send(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
                                for words in demotion.dropFirst() {
                                    _ = try await old.send(RedisCommand(words.split(separator: " ").map(String.init)))
                                }
                            }
                            // By a script: the error is within its answer.
                            let error = try await Support.failure { () throws(RedisError) in
                                try await teller.evaluate(Self.increment, keys: ["n"], arguments: [])
                            }
                            #expect(error.serverError?.kind.isDemotion == true && error.endsConnection)

                            #expect(!before.isOpen)
                            #expect(await events.next()?.text == "lost: closed")
                            #expect(await events.next()?.text == "subscribed")
                            for client in [teller, other] {
                                #expect(try await client.send(RedisCommand("INCR", "m")).int != nil)
                            }
                            try await Support.withConnection(Support.configuration(new.url)) { new async throws in
                                #expect(try await new.send(RedisCommand("GET", "m")).string == "2")
                                #expect(try await new.send(RedisCommand("PUBLISH", "news", "x")).int == 1)
                            }
                            await subscription.close()
                        }
                    }
                }
            }
        }
    }

    @Test func aConnectionThatIsBegunBeforeIsNotUsed() async throws {
        try await LocalRedis.withServer { redis in
            let configuration = try Support.configuration(redis.url)
            try await Support.withConnection(configuration) { connection in
                let server = configuration.servers[configuration.url.address]
                server.demoted(RedisServerError(prefix: "READONLY", message: ""))
                #expect(!connection.isOpen)
                #expect(!server.joined(by: connection))
            }
            try await Support.withConnection(configuration) { connection in
                let answer = try await connection.send(RedisCommand("PING"))
                #expect(answer.string == "PONG")
            }
        }
    }

    @Test func aServerThatStaysReadOnlyIsNotPestered() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { admin in
                var configuration = try Support.configuration(redis.url)
                configuration.backoff = RedisBackoff()
                _ = try await admin.send(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
                func connections() async throws -> Int {
                    let info = try await admin.send(RedisCommand("INFO", "stats")).string ?? ""
                    let line = info.split(separator: "\r\n").first { $0.hasPrefix("total_connections_received:") }
                    return Int(line?.split(separator: ":").last ?? "") ?? 0
                }
                let before = try await connections()
                try await Support.withClient(configuration) { client in
                    let end = ContinuousClock.now + .seconds(2)
                    while .now < end {
                        _ = try? await client.send(RedisCommand("SET", "a", "b"), timeout: .milliseconds(20))
                    }
                }
                // After 50, 100, 200, 400, 800 ms, and half of each at least.
                #expect(try await connections() - before <= 10)
            }
        }
    }
}

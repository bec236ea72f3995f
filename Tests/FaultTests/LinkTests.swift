import Drills
import Faults
import LocalStack
import Logging
import NIOPosix
import RedisClient
import Testing

@Suite("A link that can be broken")
struct LinkTests {
    /// A Redis behind a link, and a client before it that gives up after half a second.
    private func withLink(_ body: (FaultyLink, RedisClient) async throws -> Void) async throws {
        try await LocalRedis.withServer { redis in
            let link = try await FaultyLink.start(to: redis.port)
            let client = RedisClient(
                RedisConfiguration(
                    url: try RedisURL(redis.url(port: link.port)), connectTimeout: .seconds(20),
                    commandTimeout: .milliseconds(500), backoff: RedisBackoff(initial: .milliseconds(1))),
                eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
            try await body(link, client)
            await client.close()
            await link.close()
        }
    }

    private func count(_ client: RedisClient, timeout: Duration? = nil) async throws -> Int64? {
        try await client.send(RedisCommand("INCR", "n"), timeout: timeout).int
    }

    /// With patience, for this has to succeed.
    private func expect(_ expected: Int64, _ client: RedisClient) async throws {
        let answer = try await count(client, timeout: .seconds(20))
        #expect(answer == expected)
    }

    /// Expects this of the first answer on a connection that works; nil for any.
    private func expectAgain(_ expected: Int64?, _ client: RedisClient) async throws {
        var answer: Int64?
        try await eventually("an answer") {
            // With patience: one that is given up may be carried out, and be counted.
            answer = try? await count(client, timeout: .seconds(20))
            return answer != nil
        }
        if let expected { #expect(answer == expected) }
    }

    @Test("It passes on, and later if told so")
    func delay() async throws {
        try await withLink { link, client in
            try await expect(1, client)
            link.set(toServer: .delayed(.milliseconds(150)), toClient: .delayed(.milliseconds(150)))
            let start = ContinuousClock.now
            try await expect(2, client)
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            link.set(toServer: .pass, toClient: .pass)
            try await expect(3, client)
        }
    }

    @Test("What is swallowed on the way there is not done; on the way back it is done, and nobody hears of it")
    func swallow() async throws {
        try await withLink { link, client in
            try await expect(1, client)
            link.set(toServer: .swallowed)
            await #expect(throws: RedisError.self) { try await count(client) }
            try await link.heal()
            try await expectAgain(2, client)
            link.set(toClient: .swallowed)
            await #expect(throws: RedisError.self) { try await count(client) }
            try await link.heal()
            try await expectAgain(4, client)
        }
    }

    @Test("What is held arrives when the flow passes again")
    func hold() async throws {
        try await withLink { link, client in
            try await expect(1, client)
            link.set(toServer: .held)
            async let second = count(client, timeout: .seconds(20))
            try await Task.sleep(for: .milliseconds(200))
            link.set(toServer: .pass)
            let answer = try await second
            #expect(answer == 2)
        }
    }

    @Test("A reply is torn where it was asked to be, and then all is well")
    func torn() async throws {
        try await withLink { link, client in
            try await expect(1, client)
            link.cutReply(afterBytes: 2)
            await #expect(throws: RedisError.self) { try await count(client) }
            try await expectAgain(3, client)
        }
    }

    @Test("Connections are reset, or refused until it is healed")
    func reset() async throws {
        try await withLink { link, client in
            try await expect(1, client)
            link.resetAll()
            try await expectAgain(nil, client)
            await link.refuse()
            _ = try await count(client, timeout: .seconds(20))  // an open connection goes on
            link.resetAll()
            await #expect(throws: RedisError.self) {
                for _ in 1...10 { _ = try await count(client) }
            }
            try await link.heal()
            try await expectAgain(nil, client)
        }
    }
}

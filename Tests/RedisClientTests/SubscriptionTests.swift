import Glibc
import LocalStack
import Testing

@testable import RedisClient

@Suite(.serialized, .timeLimit(.minutes(5))) struct SubscriptionTests {
    @Test func deliversMessages() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                let subscription = client.subscribe(to: ["one", "two"])
                var events = subscription.makeAsyncIterator()
                #expect(await events.next()?.text == "subscribed")
                _ = try await client.send(RedisCommand("PUBLISH", "one", "1"))
                _ = try await client.send(RedisCommand("PUBLISH", "other", "x"))
                _ = try await client.send(RedisCommand([Array("PUBLISH".utf8), Array("two".utf8), [0, 255]]))
                #expect(await events.next()?.text == "one: [49]")
                #expect(await events.next()?.text == "two: [0, 255]")
                await subscription.close()
                #expect(await events.next() == nil)
                try await Self.expectSubscribers(0, on: "one", client)
            }
        }
    }

    @Test func subscribesAgainAfterALoss() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                let subscription = client.subscribe(to: ["news"])
                var events = subscription.makeAsyncIterator()
                #expect(await events.next()?.text == "subscribed")
                _ = try await client.send(RedisCommand("CLIENT", "KILL", "TYPE", "pubsub"))
                #expect(await events.next()?.text == "lost: closed")
                #expect(await events.next()?.text == "subscribed")
                _ = try await client.send(RedisCommand("PUBLISH", "news", "a"))
                #expect(await events.next()?.text == "news: [97]")

                await redis.kill()
                #expect(await events.next()?.text == "lost: closed")
                try await redis.restart()
                // The attempts that failed meanwhile are not told one by one.
                #expect(await events.next()?.text == "subscribed")
                try await Support.eventually {
                    (try? await client.send(RedisCommand("PUBLISH", "news", "b"))) == .integer(1)
                }
                #expect(await events.next()?.text == "news: [98]")
                await subscription.close()
            }
        }
    }

    @Test func waitsForAServerThatIsNotThereYet() async throws {
        var options = LocalRedis.Options()
        options.port = try freePort()
        options.password = nil
        try await Support.withClient(Support.configuration("redis://127.0.0.1:\(options.port ?? 0)")) { client in
            let subscription = client.subscribe(to: ["news"])
            var events = subscription.makeAsyncIterator()
            #expect(await events.next()?.text == "lost: unreachable")
            try await LocalRedis.withServer(options) { _ in
                #expect(await events.next()?.text == "subscribed")
            }
            await subscription.close()
        }
    }

    @Test func noticesAServerThatHangs() async throws {
        try await LocalRedis.withServer { redis in
            var configuration = try Support.configuration(redis.url)
            configuration.commandTimeout = .seconds(5)
            configuration.subscriptionPing = .milliseconds(100)
            try await Support.withClient(configuration) { client in
                let subscription = client.subscribe(to: ["news"])
                var events = subscription.makeAsyncIterator()
                #expect(await events.next()?.text == "subscribed")
                try redis.signal(SIGSTOP)
                #expect(await events.next()?.text == "lost: timeout")
                try redis.signal(SIGCONT)
                #expect(await events.next()?.text == "subscribed")
                await subscription.close()
            }
        }
    }

    @Test func endsWithTheTaskThatReads() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                let reader = Task {
                    var count = 0
                    for await _ in client.subscribe(to: ["news"]) { count += 1 }
                    return count
                }
                try await Self.expectSubscribers(1, on: "news", client)
                reader.cancel()
                #expect(await reader.value <= 1)
                try await Self.expectSubscribers(0, on: "news", client)
            }
        }
    }

    @Test func endsWhenReleased() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                var subscription: RedisSubscription? = client.subscribe(to: ["news"])
                try await Self.expectSubscribers(1, on: "news", client)
                #expect(subscription?.channels == ["news"])
                subscription = nil
                try await Self.expectSubscribers(0, on: "news", client)
            }
        }
    }

    @Test func tellsAReaderThatLagsBehind() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withClient(Support.configuration(redis.url)) { client in
                let subscription = client.subscribe(to: ["flood"])
                try await Self.expectSubscribers(1, on: "flood", client)
                let first = try await Self.subscriber(client)
                let flood = "for i = 1, 10000 do redis.call('PUBLISH', 'flood', i) end"
                _ = try await client.send(RedisCommand("EVAL", flood, "0"))
                try await Support.eventually {
                    let now = try await Self.subscriber(client)
                    return now != nil && now != first
                }
                var events = subscription.makeAsyncIterator()
                #expect(await events.next()?.text == "subscribed")
                var messages = 0
                while let event = await events.next() {
                    guard case .message = event else {
                        #expect(["lost: pipelineFull", "subscribed"].contains(event.text))
                        break
                    }
                    messages += 1
                }
                #expect(messages == RedisSubscription.bufferedEvents - 1)
                await subscription.close()
            }
        }
    }

    /// The server's number for the connection of the only subscription.
    private static func subscriber(_ client: RedisClient) async throws -> String? {
        let list = try await client.send(RedisCommand("CLIENT", "LIST", "TYPE", "pubsub")).string ?? ""
        return list.split(separator: " ").first.map(String.init)
    }

    @Test func saysThatAUserMayNotListen() async throws {
        var options = LocalRedis.Options()
        options.aclLines = ["deaf on >x ~* &other +@all"]
        try await LocalRedis.withServer(options) { redis in
            try await Support.withClient(Support.configuration("redis://deaf:x@127.0.0.1:\(redis.port)")) { client in
                let subscription = client.subscribe(to: ["news"])
                var events = subscription.makeAsyncIterator()
                guard case .lost(let error)? = await events.next() else {
                    Issue.record("was not refused")
                    return
                }
                #expect(error.serverError?.kind == .noPermission)
                await subscription.close()
            }
        }
    }

    private static func expectSubscribers(_ count: Int64, on channel: String, _ client: RedisClient) async throws {
        try await Support.eventually {
            try await client.send(RedisCommand("PUBSUB", "NUMSUB", channel)).array?.last?.int == count
        }
    }
}

extension RedisSubscription.Event {
    var text: String {
        switch self {
        case .subscribed: "subscribed"
        case .message(let channel, let payload): "\(channel): \(payload)"
        case .lost(let error): "lost: \(error.code)"
        }
    }
}

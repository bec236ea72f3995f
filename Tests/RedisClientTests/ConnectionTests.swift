import Glibc
import LocalStack
import RedisClient
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct ConnectionTests {
    @Test func answersInOrderOfCalls() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                var replies: [RedisPendingReply] = []
                for number in 0..<1000 {
                    replies.append(connection.submit(RedisCommand("RPUSH", "list", "\(number)")))
                    if number % 100 == 0 { await Task.yield() }
                }
                for (number, reply) in replies.enumerated() {
                    #expect(try await reply.value() == .integer(Int64(number + 1)))
                }
                let list = try await connection.send(RedisCommand("LRANGE", "list", "0", "-1"))
                #expect(list.array?.compactMap(\.int) == Array(0..<1000))
                #expect(try await replies[0].value() == .integer(1))
            }
        }
    }

    @Test func carriesManyLargeCommands() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                var head = RedisArguments(["MSET"])
                var pairs = RedisArguments()
                for number in 0..<200 {
                    pairs.append("key:\(number)")
                    pairs.append([UInt8](repeating: UInt8(number), count: 300))
                }
                head.append("head")
                head.append([0, 13, 10, 255])
                let command = RedisCommand(segments: [head, pairs])
                let replies = (0..<200).map { _ in connection.submit(command) }
                for reply in replies { #expect(try await reply.value() == .status("OK")) }
                #expect(try await connection.send(RedisCommand("GET", "head")) == .bytes([0, 13, 10, 255]))
                let last = try await connection.send(RedisCommand("GET", "key:199"))
                #expect(last == .bytes([UInt8](repeating: 199, count: 300)))
            }
        }
    }

    @Test func carriesSixtyFourMebibytesBothWays() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                var value = [UInt8](repeating: 7, count: 64 << 20)
                value[0] = 1
                value[value.count - 1] = 2
                _ = try await connection.send(RedisCommand([Array("SET".utf8), Array("big".utf8), value]))
                let reply = try await connection.send(RedisCommand("GET", "big"))
                let received = try #require(reply.bytes)
                // Comparing such arrays takes long without optimisation.
                #expect(received.count == value.count)
                #expect(received.count == value.count && memcmp(received, value, value.count) == 0)
                #expect(try await connection.send(RedisCommand("PING")) == .status("PONG"))
            }
        }
    }

    @Test func refusesMoreThanThePipelineHoldsAndSendWaits() async throws {
        try await LocalRedis.withServer { redis in
            var configuration = try Support.configuration(redis.url)
            configuration.pipelineDepth = 4
            try await Support.withConnection(configuration) { connection in
                try redis.signal(SIGSTOP)
                let replies = (0..<4).map { connection.submit(RedisCommand("ECHO", "\($0)")) }
                let error = try await Support.failure { () throws(RedisError) in
                    try await connection.submit(RedisCommand("ECHO", "4")).value()
                }
                #expect(error.code == .pipelineFull)
                #expect(error.delivery == .notSent)
                async let patient = connection.send(RedisCommand("ECHO", "patient"))
                try redis.signal(SIGCONT)
                #expect(try await patient.string == "patient")
                for (number, reply) in replies.enumerated() { #expect(try await reply.value().int == Int64(number)) }
            }
        }
    }

    @Test func sendsManyThroughANarrowPipeline() async throws {
        try await LocalRedis.withServer { redis in
            var configuration = try Support.configuration(redis.url)
            configuration.pipelineDepth = 3
            try await Support.withConnection(configuration) { connection in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<300 {
                        group.addTask {
                            try await connection.send(RedisCommand("ECHO", "\(number)")).int == Int64(number)
                        }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
            }
        }
    }

    @Test func refusesWhatCannotBeEncoded() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                let error = try await Support.failure { () throws(RedisError) in
                    try await connection.send(RedisCommand([String]()))
                }
                #expect(error.delivery == .notSent)
                #expect(try await connection.send(RedisCommand("PING")) == .status("PONG"))
            }
        }
    }

    @Test func saysWhyInTheSystemsOwnWords() async throws {
        for (url, words) in [
            ("redis://127.0.0.1:1", "(Connection refused)"), ("redis://localhost:1", "(Connection refused)"),
            ("unix:///nowhere/redis.sock", "(No such file or directory)"),
        ] {
            let error = await #expect(throws: RedisError.self) {
                try await Support.withConnection(Support.configuration(url)) { _ in }
            }
            #expect(error?.code == .unreachable && error?.description.contains(words) == true, "\(url)")
        }
    }

    @Test func throwsServerErrorsAndGoesOn() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                _ = try await connection.send(RedisCommand("SET", "text", "x"))
                let error = try await Support.failure { () throws(RedisError) in
                    try await connection.send(RedisCommand("LPUSH", "text", "y"))
                }
                #expect(error.serverError?.kind == .wrongType)
                #expect(error.delivery == .rejected)
                #expect(connection.isOpen)
                let nested = try await connection.send(
                    RedisCommand("EVAL", "return {1, redis.pcall('LPUSH', KEYS[1], 'y'), {'a'}}", "1", "text"))
                guard case .error(let inner)? = nested.array?[1] else {
                    Issue.record("no error inside \(nested)")
                    return
                }
                #expect(inner.kind == .wrongType)
            }
        }
    }

    // MARK: Deadlines

    @Test func closesWhenAServerPauses() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { other in
                try await Support.withConnection(Support.configuration(redis.url)) { connection in
                    _ = try await other.send(RedisCommand("CLIENT", "PAUSE", "600000", "ALL"))
                    let slow = connection.submit(RedisCommand("GET", "a"))
                    let start = ContinuousClock.now
                    let error = try await Support.failure { () throws(RedisError) in
                        try await connection.send(RedisCommand("GET", "b"), timeout: .seconds(2))
                    }
                    #expect(error.code == .timeout)
                    #expect(error.delivery == .unknown)
                    #expect(ContinuousClock.now - start >= .seconds(2))
                    #expect(ContinuousClock.now - start < .seconds(30))
                    // The one before it goes down with the connection, though its own time was not over.
                    let first = try await Support.failure { () throws(RedisError) in try await slow.value() }
                    #expect(first.delivery == .unknown)
                    #expect(!connection.isOpen)
                    let late = try await Support.failure { () throws(RedisError) in
                        try await connection.send(RedisCommand("GET", "c"))
                    }
                    #expect(late.delivery == .notSent)
                }
            }
        }
    }

    /// A stopped server's socket fills up: what did not go into it was certainly not sent.
    @Test func tellsApartWhatAStoppedServerMayHaveGot() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                try redis.signal(SIGSTOP)
                let megabyte = [UInt8](repeating: 1, count: 1 << 20)
                let command = RedisCommand([Array("SET".utf8), Array("key".utf8), megabyte])
                let replies = (0..<64).map { _ in connection.submit(command, timeout: .seconds(3)) }
                var fates: [RedisError.Delivery] = []
                for reply in replies {
                    let error = try await Support.failure { () throws(RedisError) in try await reply.value() }
                    #expect(error.code == .timeout)
                    fates.append(error.delivery)
                }
                #expect(fates.first == .unknown)
                #expect(fates.last == .notSent)
                let border = fates.firstIndex(of: .notSent) ?? 0
                #expect(fates[border...].allSatisfy { $0 == .notSent })
                try redis.signal(SIGCONT)
            }
        }
    }

    @Test func waitsLongerIfTold() async throws {
        try await LocalRedis.withServer { redis in
            var configuration = try Support.configuration(redis.url)
            configuration.commandTimeout = .milliseconds(200)
            configuration.connectTimeout = .seconds(60)
            try await Support.withConnection(configuration) { connection in
                let blocked = RedisCommand("BLPOP", "nothing", "0.5")
                let reply = try await connection.send(blocked, timeout: .seconds(60))
                #expect(reply == .null)
                #expect(connection.isOpen)
            }
        }
    }

    // MARK: Ends

    @Test func doesNotKnowWhatAKilledServerDid() async throws {
        try await LocalRedis.withServer { redis in
            let connection = try await Support.connect(Support.configuration(redis.url))
            try redis.signal(SIGSTOP)
            let reply = connection.submit(RedisCommand("INCR", "n"))
            // A stopped process does not answer, so what the socket took is in flight by then.
            try await Task.sleep(for: .seconds(1))
            await redis.kill()
            let error = try await Support.failure { () throws(RedisError) in try await reply.value() }
            #expect(error.code == .closed)
            #expect(error.delivery == .unknown)
            await connection.waitUntilClosed()
            #expect(!connection.isOpen)
            let late = try await Support.failure { () throws(RedisError) in
                try await connection.send(RedisCommand("INCR", "n"))
            }
            #expect(late.code == .closed)
            #expect(late.delivery == .notSent)
        }
    }

    @Test func failsWhatIsInFlightWhenClosed() async throws {
        try await LocalRedis.withServer { redis in
            let connection = try await Support.connect(Support.configuration(redis.url))
            let reply = connection.submit(RedisCommand("BLPOP", "nothing", "0"))
            await connection.close()
            await connection.close()
            let error = try await Support.failure { () throws(RedisError) in try await reply.value() }
            #expect(error.code == .closed)
        }
    }

    @Test func cancellingAbandonsOnlyTheWait() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url)) { connection in
                let blocked = connection.submit(RedisCommand("BLPOP", "queue", "0"))
                let next = connection.submit(RedisCommand("ECHO", "next"))
                let task = Task { () async -> Result<RedisValue, RedisError> in
                    do throws(RedisError) { return .success(try await blocked.value()) } catch {
                        return .failure(error)
                    }
                }
                task.cancel()
                guard case .failure(let error) = await task.value else {
                    Issue.record("was not cancelled")
                    return
                }
                #expect(error.code == .cancelled)
                #expect(error.delivery == .unknown)
                try await Support.withConnection(Support.configuration(redis.url)) { other in
                    _ = try await other.send(RedisCommand("RPUSH", "queue", "item"))
                }
                #expect(try await next.value().string == "next")
                #expect(try await blocked.value().array?.last?.string == "item")
            }
        }
    }

    @Test func cancellingEndsConnectingAtOnce() async throws {
        let server = try await FakeServer.start(answering: [])
        let configuration = try Support.configuration(server.url)
        let task = Task { () async -> RedisError? in
            do throws(RedisError) {
                await (try Support.connect(configuration)).close()
                return nil
            } catch {
                return error
            }
        }
        task.cancel()
        let error = try #require(await task.value)
        #expect(error.code == .cancelled)
        #expect(error.delivery == .notSent)
        await server.close()
    }

    // MARK: Strange servers

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n\r\n", "\u{15}\u{3}\u{1}", "$3\r\nabcdef", "+PONG\r\n+PONG\r\n:1\r\n",
    ])
    func closesOnGarbage(answer: String) async throws {
        let server = try await FakeServer.start(answering: Array(answer.utf8))
        let error = try await Support.failure { () throws(RedisError) in
            let connection = try await Support.connect(Self.quick(server.url))
            await connection.waitUntilClosed()
            return try await connection.send(RedisCommand("PING"))
        }
        #expect(error.code == (answer.hasPrefix("\u{15}") ? .tls : .protocolViolation))
        #expect(error.delivery == .notSent)
        await server.close()
    }

    @Test func reportsAServerThatSaysNothing() async throws {
        let server = try await FakeServer.start(answering: [])
        var configuration = try Support.configuration(server.url)
        configuration.connectTimeout = .milliseconds(500)
        let error = try await Support.failure { () throws(RedisError) in try await Support.connect(configuration).isOpen
        }
        // On a machine that is busy enough, not even the socket is connected by then.
        #expect([.timeout, .unreachable].contains(error.code))
        #expect(error.delivery == .notSent)
        await server.close()
    }

    @Test func reportsAServerThatHangsUp() async throws {
        let server = try await FakeServer.start(answering: [], thenClosing: true)
        let error = try await Support.failure { () throws(RedisError) in
            try await Support.connect(Self.quick(server.url)).isOpen
        }
        #expect(error.code == .closed)
        #expect(error.delivery == .notSent)
        await server.close()
    }

    @Test(arguments: [
        ("-ERR max number of clients reached\r\n", "maxclients"),
        ("-DENIED Redis is running in protected mode\r\n", "protected mode"),
    ])
    func explainsAGoodbye(answer: String, advice: String) async throws {
        let server = try await FakeServer.start(answering: Array(answer.utf8), thenClosing: true)
        let error = try await Support.failure { () throws(RedisError) in
            try await Support.connect(Self.quick("redis://:secret@127.0.0.1:\(server.port)")).isOpen
        }
        #expect(error.serverError != nil)
        #expect(error.message.contains(advice))
        await server.close()
    }

    private static func quick(_ url: String) throws(RedisError) -> RedisConfiguration {
        do { return try Support.configuration(url) } catch {
            throw RedisError(code: .unreachable, delivery: .notSent, message: "\(error)")
        }
    }
}

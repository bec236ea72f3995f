import LocalStack
import Synchronization
import Testing

@testable import RedisClient

/// Connections whose addresses a resolver says.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ResolverTests {
    /// Answers what a test sets last.
    private final class Answers: RedisResolver {
        private let answer: Mutex<Result<RedisURL.Address, RedisError>>

        init(_ address: RedisURL.Address) { answer = Mutex(.success(address)) }

        func set(_ next: Result<RedisURL.Address, RedisError>) { answer.withLock { $0 = next } }

        func address(of url: RedisURL) async throws(RedisError) -> RedisURL.Address {
            try answer.withLock { $0 }.get()
        }
    }

    /// Answers nobody who asks, not even one that is cancelled, until it is released.
    private final class Silence: RedisResolver {
        private struct State {
            var asking: [CheckedContinuation<Void, Never>] = []
            var cancelled = 0
        }

        private let state = Mutex(State())

        var asked: Int { state.withLock { $0.asking.count } }
        var cancelled: Int { state.withLock { $0.cancelled } }

        func address(of url: RedisURL) async throws(RedisError) -> RedisURL.Address {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in state.withLock { $0.asking.append(continuation) } }
            } onCancel: {
                state.withLock { $0.cancelled += 1 }
            }
            return url.address
        }

        func release() {
            for continuation in state.withLock({ $0.asking }) { continuation.resume() }
        }
    }

    private static let increment = RedisScript(name: "increment", source: "return redis.call('INCR', KEYS[1])")

    private static func local(_ port: Int, host: String = "127.0.0.1") -> RedisURL.Address {
        .tcp(host: host, port: port)
    }

    @Test func eachConnectingGoesWhereTheResolverSays() async throws {
        try await LocalRedis.withServer { first in
            try await LocalRedis.withServer { second in
                let resolver = Answers(Self.local(first.port))
                // Nothing is at the URL's own address.
                var configuration = try Support.configuration(first.url(port: 1))
                configuration.resolver = resolver
                try await Support.withClient(configuration) { client in
                    let other = try await Support.connect(configuration)
                    func increment() async throws -> Int64? {
                        try await client.evaluate(Self.increment, keys: ["n"], arguments: []).int
                    }
                    #expect(try await increment() == 1)
                    #expect(try await increment() == 2)

                    resolver.set(.success(Self.local(second.port)))
                    let atSecond = try await Support.connect(configuration)
                    _ = try await other.send(RedisCommand("REPLICAOF", "127.0.0.1", "1"))
                    await #expect(throws: RedisError.self) { try await increment() }
                    // The first takes no writes any more, which says nothing of the second.
                    #expect(!other.isOpen && atSecond.isOpen)
                    #expect(configuration.servers[Self.local(second.port)].joined(by: atSecond))
                    // That one knows neither the key nor the script.
                    #expect(try await increment() == 1)
                    await atSecond.close()
                }
            }
        }
    }

    @Test func aServerIsForgottenWithItsLastConnection() async throws {
        try await LocalRedis.withServer { redis in
            let configuration = try Support.configuration(redis.url)
            weak let server: RedisServer?
            do {
                let connection = try await Support.connect(configuration)
                server = configuration.servers[configuration.url.address]
                #expect(server?.isJoined(by: connection) == true)
                await connection.close()
            }
            try await Support.eventually { server == nil }
        }
    }

    /// The certificate bears `localhost` and 127.0.0.1, not 127.0.0.2.
    @Test func certificatesAreComparedWithTheAddressThatWasAnswered() async throws {
        var options = LocalRedis.Options()
        options.tls = true
        options.configuration = ["bind 127.0.0.1 127.0.0.2"]
        try await LocalRedis.withServer(options) { redis in
            let port = try #require(redis.tlsPort)
            let resolver = Answers(Self.local(port, host: "localhost"))
            var configuration = try Support.configuration(try #require(redis.tlsURL))
            configuration.tls = RedisTLS(caFile: try #require(redis.certificates).ca)
            configuration.resolver = resolver
            try await Support.withClient(configuration) { client in
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")

                await (try await client.connection()).close()
                resolver.set(.success(Self.local(port, host: "127.0.0.2")))
                let error = try await Support.failure { () throws(RedisError) in try await client.connection() }
                #expect(error.code == .tls && error.message.contains("not made out to 127.0.0.2"), "\(error)")

                resolver.set(.success(.unix(path: redis.socketPath)))
                let socket = try await Support.failure { () throws(RedisError) in try await client.connection() }
                #expect(socket.code == .tls && socket.message.contains("unix://"), "\(socket)")

                resolver.set(.success(Self.local(port)))
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")
            }
        }
    }

    @Test func errorsNameThePlaceThatWasTried() async throws {
        let port = try freePort()
        var configuration = try Support.configuration("redis://app:secret@cache.invalid/3")
        configuration.resolver = Answers(Self.local(port))
        let error = try await Support.failure { () throws(RedisError) in try await Support.connect(configuration) }
        #expect(error.code == .unreachable)
        #expect(error.message.contains("redis://app@127.0.0.1:\(port)/3"), "\(error)")
    }

    @Test func aResolverThatFailsIsAskedAgain() async throws {
        try await LocalRedis.withServer { redis in
            let resolver = Answers(Self.local(redis.port))
            resolver.set(
                .failure(
                    RedisError(code: .unreachable, delivery: .unknown, message: "No Sentinel answers: start one.")))
            var configuration = try Support.configuration(redis.url)
            configuration.resolver = resolver
            try await Support.withClient(configuration) { client in
                let error = try await Support.failure { () throws(RedisError) in
                    try await client.send(RedisCommand("PING"))
                }
                #expect(error.code == .unreachable && error.delivery == .notSent)
                #expect(error.message == "No Sentinel answers: start one.")

                resolver.set(.success(Self.local(redis.port)))
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")
            }
        }
    }

    @Test func aResolverThatDoesNotAnswerIsLeftAlone() async throws {
        let resolver = Silence()
        defer { resolver.release() }
        var configuration = try Support.configuration("redis://:secret@cache.invalid:6379")
        configuration.connectTimeout = .milliseconds(100)
        configuration.resolver = resolver
        let error = try await Support.failure { () throws(RedisError) in try await Support.connect(configuration) }
        #expect(error.code == .timeout && error.delivery == .notSent)
        #expect(error.message.contains("where redis://cache.invalid:6379/0 is"), "\(error)")
        try await Support.eventually { resolver.cancelled == 1 }

        configuration.connectTimeout = .seconds(600)
        let patient = configuration
        let connecting = Task {
            try await Support.failure { () throws(RedisError) in try await Support.connect(patient) }
        }
        try await Support.eventually { resolver.asked == 2 }
        connecting.cancel()
        #expect(try await connecting.value.code == .cancelled)
        try await Support.eventually { resolver.cancelled == 2 }
    }
}

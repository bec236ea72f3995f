import Foundation
import LocalStack
import Logging
import Synchronization
import Testing

@testable import RedisClient

/// Passwords and certificates that are exchanged while a client runs.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AccessTests {
    /// What was logged at level notice and above.
    private final class Told: LogHandler, @unchecked Sendable {
        // The lock guards all that is written; the level and the metadata are never set.
        private let lines = Mutex<[String]>([])
        var logLevel: Logger.Level = .notice
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) { lines.withLock { $0.append("\(event.message)") } }

        var all: [String] { lines.withLock { $0 } }
    }

    private static let refused = "a new password or certificate can't be used; the one before still works"
    private static let accepted = "redis accepts the new password or certificate"

    private func withClient(
        _ configuration: RedisConfiguration, _ body: (RedisClient, Told) async throws -> Void
    ) async throws {
        let told = Told()
        let client = RedisClient(
            configuration, eventLoop: Support.eventLoop, logger: Logger(label: "test") { _ in told })
        do {
            try await body(client, told)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    /// The next command goes over a new connection.
    private func reconnect(_ client: RedisClient) async throws {
        await (try await client.connection()).close()
        #expect(try await client.send(RedisCommand("PING")).string == "PONG")
    }

    @Test func aPasswordIsReadForEachConnection() async throws {
        var options = LocalRedis.Options()
        options.password = "first"
        try await LocalRedis.withServer(options) { redis in
            let password = Mutex("first")
            var configuration = try Support.configuration("redis://127.0.0.1:\(redis.port)")
            configuration.credentials = { RedisCredentials(password: password.withLock { $0 }) }
            try await withClient(configuration) { client, told in
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")
                // Here first, at the server first.
                password.withLock { $0 = "second" }
                try await reconnect(client)
                try await reconnect(client)
                #expect(told.all == [Self.refused])
                _ = try await client.send(RedisCommand("CONFIG", "SET", "requirepass", "second"))
                try await reconnect(client)
                #expect(told.all == [Self.refused, Self.accepted])
                _ = try await client.send(RedisCommand("CONFIG", "SET", "requirepass", "third"))
                await (try await client.connection()).close()
                let error = try await Support.failure { () throws(RedisError) in try await client.connection() }
                #expect(error.code == .authentication)
                password.withLock { $0 = "third" }
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")
                #expect(told.all == [Self.refused, Self.accepted, Self.accepted])
            }
        }
    }

    @Test func aPasswordThatCannotBeReadLeavesTheOneBefore() async throws {
        var options = LocalRedis.Options()
        options.password = "first"
        try await LocalRedis.withServer(options) { redis in
            let isThere = Mutex(true)
            var configuration = try Support.configuration("redis://127.0.0.1:\(redis.port)")
            configuration.credentials = { () throws(RedisError) in
                guard isThere.withLock({ $0 }) else {
                    throw RedisError(code: .authentication, delivery: .notSent, message: "gone")
                }
                return RedisCredentials(password: "first")
            }
            try await withClient(configuration) { client, told in
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")
                isThere.withLock { $0 = false }
                try await reconnect(client)
                try await reconnect(client)
                #expect(told.all == [Self.refused])
            }
        }
    }

    @Test(arguments: ["garbage", "another authority", "nothing"])
    func anAuthorityThatIsExchanged(_ exchange: String) async throws {
        var options = LocalRedis.Options()
        options.tls = true
        try await LocalRedis.withServer(options) { redis in
            let url = try #require(redis.tlsURL)
            let authority = try #require(redis.certificates).ca
            let workspace = try await Workspace.create(prefix: "authority")
            let other = try await LocalCertificates.create(in: workspace)
            let file = "\(workspace.path)/ca.pem"
            func put(_ path: String) throws {
                try String(contentsOfFile: path, encoding: .utf8).write(toFile: file, atomically: true, encoding: .utf8)
            }
            try put(authority)
            var configuration = try Support.configuration(url)
            configuration.tls.caFile = file
            try await withClient(configuration) { client, told in
                #expect(try await client.send(RedisCommand("PING")).string == "PONG")
                switch exchange {
                case "garbage": try "garbage".write(toFile: file, atomically: true, encoding: .utf8)
                case "another authority": try put(other.ca)
                default: try FileManager.default.removeItem(atPath: file)
                }
                try await reconnect(client)
                try await reconnect(client)
                #expect(told.all == [Self.refused])
                try put(authority)
                try await reconnect(client)
                #expect(told.all == [Self.refused])
            }
            await workspace.close()
        }
    }

    @Test func secretsAreNotShown() {
        let text = "\(RedisCredentials(username: "me", password: "hush"))"
        #expect(text == "me")
        #expect(!String(reflecting: RedisCredentials(username: "me", password: "hush")).contains("hush"))
    }
}

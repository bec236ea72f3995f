import CacheRefresh
import LeaderElection
import LocalStack
import Logging
import NIOCore
import NIOPosix
import PostgresClient
import RedisClient
import Synchronization

@testable import Daemon

/// A real Redis, a database of its own on a real PostgreSQL, and leaders that refresh one from the other when told to.
final class RefreshWorld: Sendable {
    let redisServer: LocalRedis
    let postgres: LocalPostgres
    let databaseURL: String
    let redis: RedisClient
    let keys = GroupKeys(prefix: "", group: "test")
    let clock = TestClock()

    private let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private init(redisServer: LocalRedis, postgres: LocalPostgres, databaseURL: String) throws {
        self.redisServer = redisServer
        self.postgres = postgres
        self.databaseURL = databaseURL
        redis = RedisClient(
            RedisConfiguration(url: try RedisURL(redisServer.url)), eventLoop: loops.next(), logger: Logger(label: "test"))
    }

    /// Runs `body` in a new world with this schema.
    static func with(
        sql: String, encoding: String? = nil, redis options: LocalRedis.Options = .init(),
        _ body: (RefreshWorld) async throws -> Void
    ) async throws {
        let postgres = try await LocalPostgres.shared()
        let url = try await postgres.createDatabase(encoding: encoding)
        try await LocalRedis.withServer(options) { server in
            let world = try RefreshWorld(redisServer: server, postgres: postgres, databaseURL: url)
            try await world.sql(sql)
            do {
                try await body(world)
                await world.close()
            } catch {
                await world.close()
                throw error
            }
        }
    }

    private func close() async {
        await redis.close()
        try? await loops.shutdownGracefully()
    }

    /// Runs SQL as the administrator does.
    func sql(_ text: String) async throws {
        let connection = try await connect()
        do {
            try await connection.execute(text)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    func connect() async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            PostgresConfiguration(url: databaseURL, settings: PostgresSession.settings))
    }

    // MARK: Redis, as an application sees it

    @discardableResult
    func command(_ words: String...) async throws -> RedisValue { try await redis.send(RedisCommand(words)) }

    func get(_ key: String) async throws -> String? { try await command("GET", key).string }

    /// All keys but Baton's own, sorted.
    func keyNames() async throws -> [String] {
        (try await command("KEYS", "*").array ?? []).compactMap(\.string).filter { !$0.hasPrefix("{baton:") }.sorted()
    }

    // MARK: Leaders

    /// Takes the lease, whoever holds it.
    func elect() async throws -> LeadershipTerm {
        try await command("DEL", keys.lease)
        var random = SystemRandomNumberGenerator()
        let store = LeaseStore(
            redis: RedisConfiguration(url: try RedisURL(redisServer.url)), keys: keys, holder: "test",
            deployment: "test", timing: .standard, eventLoop: loops.next(), logger: Logger(label: "test"))
        let answer = try await store.acquire(Token(using: &random), floor: .zero)
        try await command("PEXPIRE", keys.lease, "600000")
        await store.close()
        guard case .acquired(let lease) = answer else { throw Unexpected("\(answer)") }
        return LeadershipTerm(lease: lease, deadline: .now + .seconds(600))
    }

    func leader(of dataset: Dataset, term: LeadershipTerm? = nil) async throws -> Leader {
        let term = if let term { term } else { try await elect() }
        let connection = try await connect()
        let fence = Fence(
            keys: keys, deployment: "test", term: term, redis: redis, logger: Logger(label: "test"))
        let server = try await ServerIdentity.read(from: connection)
        return Leader(
            pass: DatasetPass(
                dataset: dataset, keyPrefix: "", keys: keys, server: server, fence: fence, redis: redis,
                clock: { [clock] in clock.now }),
            term: term, connection: connection)
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}

/// The refresh of one dataset in one term, tick by tick.
final class Leader {
    let pass: DatasetPass
    let term: LeadershipTerm
    let connection: PostgresConnection
    private(set) var memory: DatasetPass.Memory?

    init(pass: DatasetPass, term: LeadershipTerm, connection: PostgresConnection) {
        self.pass = pass
        self.term = term
        self.connection = connection
    }

    /// One tick.
    ///
    /// - Returns: what it did; nil if the gate skipped it.
    @discardableResult
    func tick() async throws -> PassSummary? {
        switch try await pass.tick(&memory, on: connection) {
        case .skipped: nil
        case .settled(let summary), .passed(let summary, _): summary
        }
    }

    func forget() { memory = nil }
}

/// A clock that the test moves.
final class TestClock: Sendable {
    private let time = Mutex(Duration.zero)

    var now: Duration { time.withLock { $0 } }
    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

extension Dataset {
    /// A table with keys as the configuration writes them; the value is the row, or the column behind an `=`.
    static func table(
        _ table: String, _ keys: [String], mode: WriteMode = .upsert, format: Format = .json, where condition: String? = nil,
        filter: String? = nil, identity: [String] = [], changes: ChangeDetection = .auto
    ) throws -> Dataset {
        Dataset(
            name: table, source: .table(table, where: condition, filter: filter), identity: identity,
            keys: try keys.map { text in
                let parts = text.split(separator: "=")
                return KeyFamily(
                    template: try KeyTemplate(String(parts[0])),
                    value: parts.count > 1 ? .column(String(parts[1])) : .row)
            }, format: format, mode: mode, changes: changes)
    }
}

internal import CacheRefresh
internal import DatasetReading
package import GroupState
internal import LeaderElection
package import LocalStack
package import Logging
package import NIOCore
internal import NIOPosix
package import PostgresClient
package import RedisClient
internal import Synchronization
package import Testing

/// A real Redis, a database of its own on a real PostgreSQL, and leaders that refresh one from the other when told to.
package final class RefreshWorld: Sendable {
    package let redisServer: LocalRedis
    package let redisURL: String
    package let postgres: LocalPostgres
    package let databaseURL: String
    package let redis: RedisClient
    package let keys = GroupKeys(prefix: "", group: "test")
    package let clock = TestClock()

    /// Connections that are closed with the world.
    private let sessions = Mutex<[PostgresConnection]>([])
    private let clients = Mutex<[RedisClient]>([])

    package static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private init(redisServer: LocalRedis, redisURL: String, postgres: LocalPostgres, databaseURL: String) throws {
        self.redisServer = redisServer
        self.redisURL = redisURL
        self.postgres = postgres
        self.databaseURL = databaseURL
        redis = RedisClient(
            RedisConfiguration(
                url: try RedisURL(redisURL), connectTimeout: .seconds(20), commandTimeout: .seconds(20)),
            eventLoop: Self.eventLoop,
            logger: Self.quiet)
    }

    package static var eventLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

    /// Runs `body` in a new world with this schema.
    ///
    /// - Parameters:
    ///   - redis: a server of its own, for tests that harm it; nil for an empty database on the one that all share.
    ///   - postgres: nil for the server that all share; there, transactions are always under way.
    package static func with(
        sql: String = "", encoding: String? = nil, redis options: LocalRedis.Options? = nil,
        postgres: LocalPostgres? = nil, _ body: (RefreshWorld) async throws -> Void
    ) async throws {
        try await Turnstile.servers.pass {
            let server = if let postgres { postgres } else { try await LocalPostgres.shared() }
            let url = try await server.createDatabase(encoding: encoding)
            if let options {
                try await LocalRedis.withServer(options) { redis in
                    try await run(sql, redis, redis.url, server, url, body)
                }
            } else {
                let redis = try await SharedRedis.server.value
                try await run(sql, redis, SharedRedis.emptyDatabase(of: redis), server, url, body)
            }
        }
    }

    /// Runs `body` in a world whose database nobody asks for anything.
    package static func onRedisOnly(
        redis options: LocalRedis.Options? = nil, _ body: (RefreshWorld) async throws -> Void
    ) async throws {
        let postgres = try await LocalPostgres.shared()
        if let options {
            try await Turnstile.servers.pass {
                try await LocalRedis.withServer(options) { redis in
                    try await run("", redis, redis.url, postgres, "", body)
                }
            }
        } else {
            let redis = try await SharedRedis.server.value
            try await run("", redis, SharedRedis.emptyDatabase(of: redis), postgres, "", body)
        }
    }

    private static func run(
        _ sql: String, _ redis: LocalRedis, _ redisURL: String, _ postgres: LocalPostgres, _ databaseURL: String,
        _ body: (RefreshWorld) async throws -> Void
    ) async throws {
        let world = try RefreshWorld(
            redisServer: redis, redisURL: redisURL, postgres: postgres, databaseURL: databaseURL)
        do {
            if !sql.isEmpty { try await world.sql(sql) }
            try await body(world)
            await world.close()
        } catch {
            await world.close()
            throw error
        }
    }

    private func close() async {
        for session in sessions.withLock({ $0 }) { await session.close() }
        for client in clients.withLock({ $0 }) { await client.close() }
        await redis.close()
    }

    /// Waits until `condition` holds, for at most 20 seconds.
    package func wait(
        until what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () async throws -> Bool
    ) async throws {
        // A quiet PostgreSQL may take 20 s until what a read wrote to its log is on the disk, without which no mark comes.
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("waited in vain until \(what)", sourceLocation: sourceLocation)
        throw Unexpected("timeout")
    }

    package struct Unexpected: Error, CustomStringConvertible {
        package let description: String
        package init(_ description: String) { self.description = description }
    }
}

// MARK: PostgreSQL, as an administrator sees it

extension RefreshWorld {
    /// Runs SQL, one statement or several, on a connection of its own.
    package func sql(_ text: String) async throws {
        let connection = try await connect()
        do {
            try await connection.execute(text)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The first column of the first row.
    package func value(_ sql: String, _ parameters: [String?] = []) async throws -> String? {
        let connection = try await connect()
        let rows = try await connection.query(sql, parameters)
        await connection.close()
        return rows.first?[0]
    }

    /// A connection that is closed with the world.
    ///
    /// - Parameters:
    ///   - user: nil for the superuser.
    ///   - settings: none where a pooler drops them.
    package func connect(
        as user: String? = nil, settings: [(String, String)] = PostgresSession.settings
    ) async throws -> PostgresConnection {
        let url = if let user { postgres.url(database: databaseName, user: user) } else { databaseURL }
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(url: url, connectTimeout: .seconds(20), settings: settings))
        sessions.withLock { $0.append(connection) }
        return connection
    }

    package var databaseName: String { String(databaseURL.split(separator: "/").last ?? "") }

    /// The name of a new user, who may do nothing but what is granted here.
    ///
    /// - Parameter grants: SQL with `USER` in place of the name.
    package func makeUser(_ grants: String = "") async throws -> String {
        let name = "user_\(databaseName)_\(UInt32.random(in: 0 ... .max))"
        try await sql("create role \(name) login password '\(LocalPassword.ofThisProcess)'")
        try await sql("grant usage on schema public to \(name)")
        if !grants.isEmpty { try await sql(grants.replacing("USER", with: name)) }
        return name
    }
}

// MARK: Redis, as an application sees it

extension RefreshWorld {
    @discardableResult
    package func command(_ words: String...) async throws -> RedisValue { try await command(words) }

    @discardableResult
    package func command(_ words: [String]) async throws -> RedisValue { try await redis.send(RedisCommand(words)) }

    package func get(_ key: String) async throws -> String? { try await command("GET", key).string }

    /// All keys but Baton's own, sorted.
    package func keyNames() async throws -> [String] {
        (try await command("KEYS", "*").array ?? []).compactMap(\.string).filter { !$0.hasPrefix("{baton:") }.sorted()
    }

    package func mark(of dataset: String) async throws -> String? {
        try await command("HGET", keys.marks, dataset).string
    }

    /// Another client of the same Redis, closed with the world.
    package func makeClient(timeout: Duration = .seconds(20)) throws -> RedisClient {
        let client = RedisClient(
            RedisConfiguration(
                url: try RedisURL(redisURL), connectTimeout: .seconds(20), commandTimeout: timeout,
                backoff: RedisBackoff(initial: .milliseconds(5), maximum: .milliseconds(50))),
            eventLoop: Self.eventLoop, logger: Self.quiet)
        clients.withLock { $0.append(client) }
        return client
    }

    /// Keys whose value is not the row that PostgreSQL has now, missing and superfluous ones included.
    ///
    /// - Parameter prefix: the beginning of the keys, before the column `id`.
    package func differences(in table: String, prefix: String) async throws -> [String] {
        var cached: [(key: String, value: String)] = []
        let keys = try await keyNames().filter { $0.hasPrefix(prefix) }
        let values = keys.isEmpty ? [] : try await redis.send(RedisCommand(["MGET"] + keys)).array ?? []
        for (key, value) in zip(keys, values) {
            if let text = value.string { cached.append((key, text)) }  // else it is gone by now
        }
        let connection = try await connect()
        let rows = try await connection.query(
            """
            select coalesce(key, $3 || t.id) || ': ' || coalesce(cached, '(none)') || ', not '
                || coalesce(to_jsonb(t)::text, '(none)')
            from \(table) t full join unnest($1::text[], $2::text[]) c(key, cached) on c.key = $3 || t.id
            where cached::jsonb is distinct from to_jsonb(t)
            """, [Self.array(cached.map(\.key)), Self.array(cached.map(\.value)), prefix])
        await connection.close()
        return rows.compactMap { $0[0] }
    }

    /// An array as PostgreSQL reads it; byte by byte, as a loop over characters would hold up other tests.
    package static func array(_ elements: [String]) -> String {
        var text: [UInt8] = [UInt8(ascii: "{")]
        for element in elements {
            if text.count > 1 { text.append(UInt8(ascii: ",")) }
            text.append(UInt8(ascii: "\""))
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
                text.append(byte)
            }
            text.append(UInt8(ascii: "\""))
        }
        text.append(UInt8(ascii: "}"))
        return String(decoding: text, as: UTF8.self)
    }
}

/// The Redis of all tests that do not harm it: each has a database to itself.
package enum SharedRedis {
    package static let server = Task {
        var options = LocalRedis.Options()
        options.databases = 4096
        return try await LocalRedis.start(options)
    }
    private static let last = Mutex(0)

    package static func emptyDatabase(of server: LocalRedis) -> String {
        let number = last.withLock { number in
            number += 1
            return number
        }
        return "\(server.url.dropLast())\(number)"
    }
}

/// Lets only a few in at a time: all tests at once would be too much for a machine with two cores.
package actor Turnstile {
    package static let servers = Turnstile(places: 4)

    private var places: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    package init(places: Int) { self.places = places }

    package nonisolated func pass(_ body: () async throws -> Void) async throws {
        await enter()
        do {
            try await body()
            await leave()
        } catch {
            await leave()
            throw error
        }
    }

    private func enter() async {
        if places > 0 {
            places -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func leave() {
        if waiting.isEmpty { places += 1 } else { waiting.removeFirst().resume() }
    }
}

/// A clock that the test moves.
package final class TestClock: Sendable {
    private let time = Mutex(Duration.zero)

    package var now: Duration { time.withLock { $0 } }
    package func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

import LocalStack
import Logging
import NIOPosix
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import Formatting
@testable import Operations

/// An empty database of a real Redis, and the tools on it.
struct CacheFixture {
    let url: String
    /// The URL without password, as it is shown.
    var address: String { url.replacing(":\(LocalPassword.ofThisProcess)@", with: "") }
    let client: RedisClient

    /// On the Redis that all tests share.
    static func with(_ body: (CacheFixture) async throws -> Void) async throws {
        let server = try await SharedRedis.server.value
        try await run(SharedRedis.emptyDatabase(of: server), body)
    }

    /// On a Redis of its own.
    static func with(_ options: LocalRedis.Options, _ body: (CacheFixture, LocalRedis) async throws -> Void)
        async throws
    {
        try await LocalRedis.withServer(options) { server in
            try await run(server.url) { try await body($0, server) }
        }
    }

    private static func run(_ url: String, _ body: (CacheFixture) async throws -> Void) async throws {
        let fixture = CacheFixture(
            url: url,
            client: RedisClient(
                RedisConfiguration(
                    url: try RedisURL(url), connectTimeout: .seconds(20), commandTimeout: .seconds(20)),
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(), logger: Logger(label: "test")))
        do {
            try await body(fixture)
            await fixture.client.close()
        } catch {
            await fixture.client.close()
            throw error
        }
    }

    /// Runs `body` with a folder for files, removed afterwards.
    static func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = try await Workspace.create(prefix: "baton-cache")
        do {
            try await body(folder.path)
            await folder.close()
        } catch {
            await folder.close()
            throw error
        }
    }

    @discardableResult
    func send(_ words: String...) async throws -> RedisValue { try await client.send(RedisCommand(words)) }

    /// Sets keys to a value.
    func set(_ keys: String..., to value: String = "x") async throws {
        for key in keys { try await send("SET", key, value) }
    }

    /// `prefix1` … `prefixCOUNT`.
    func fill(_ prefix: String, _ count: Int) async throws {
        try await send(
            "EVAL", "for i = 1, tonumber(ARGV[2]) do redis.call('SET', ARGV[1] .. i, 'value ' .. i) end", "0", prefix,
            "\(count)")
    }

    /// All keys, in order.
    var keys: [String] {
        get async throws {
            try await send("KEYS", "*").array?.map { KeyText.shown($0.bytes ?? []) }.sorted() ?? []
        }
    }

    /// Without a configuration.
    var tools: CacheTools { get throws { try CacheTools(redis: url) } }

    /// With one.
    func tools(
        _ datasets: String, families: String = "", main: String = "", database: String = "postgresql://127.0.0.1:1/x"
    ) throws -> CacheTools {
        let files = try ConfigurationFixture(
            """
            version: 1
            postgres: { url: "\(database)" }
            redis: { main: { url: "\(url)" } }
            \(main)

            """, datasets: "version: 1\ndatasets:\n\(datasets)\n\(families)\n")
        return try CacheTools(try files.load(), server: nil, database: nil)
    }
}

extension String {
    /// On one line, with one space between words.
    var words: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}

extension BackupFile.Origin {
    /// Of no server that there is.
    static let test = BackupFile.Origin(address: "test:1", database: 0, runID: nil, madeMilliseconds: 1)
}

extension CacheTools {
    static let silence = CacheProgress { _, _ in }

    /// Plans and clears, without asking.
    func clear(
        _ subject: ClearRequest.Subject, families: [String] = [], backup: String? = nil, rate: Int? = nil
    ) async throws -> ClearReport {
        var request = ClearRequest(subject, requester: Requester(name: "anna@laptop", reason: "ticket 7"))
        request.families = families
        request.backup = backup
        request.rate = rate
        return await clear(
            try await plan(request, counts: false, progress: Self.silence), progress: Self.silence)
    }

    func plan(_ subject: ClearRequest.Subject, families: [String] = []) async throws -> ClearPlan {
        var request = ClearRequest(subject, requester: Requester(name: "anna@laptop", reason: ""))
        request.families = families
        return try await plan(request, counts: true, progress: Self.silence)
    }

    /// Puts a backup back, without asking.
    func restore(_ path: String, replaces: Bool = false) async throws -> BackupReport {
        await restore(
            try await plan(restoring: path, replaces: replaces), rate: nil, Requester(name: "anna@laptop", reason: ""),
            progress: Self.silence)
    }

    func list(_ request: ListRequest = ListRequest()) async throws -> (listing: CacheListing, lines: [String]) {
        var lines: [String] = []
        let listing = try await list(request, progress: Self.silence) { lines.append($0) }
        return (listing, lines)
    }
}

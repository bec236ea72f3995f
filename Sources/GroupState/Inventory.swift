internal import CacheRefresh
package import RedisClient

/// Finds the keys that are in a Redis, a page at a time.
package struct Inventory {
    /// A page takes Redis about a millisecond at most, also of a million keys.
    package static let pageSize = 500
    /// The most deletions a second where every key that is there has to go: the application fills them again from its
    /// database.
    package static let deletionsPerSecond = 5000

    private let redis: RedisClient
    private let willSend: @Sendable (RedisCommand) -> Void

    /// - Parameter willSend: is told of each command.
    package init(redis: RedisClient, willSend: @escaping @Sendable (RedisCommand) -> Void = { _ in }) {
        self.redis = redis
        self.willSend = willSend
    }

    /// Whether the database of the connection holds no key but some of these.
    package func isEmpty(but ours: [String]) async throws -> Bool {
        guard var count = try await ask(RedisCommand("DBSIZE")).int, count <= ours.count else { return false }
        for key in ours where try await ask(RedisCommand("TYPE", key)).string != "none" { count -= 1 }
        return count <= 0
    }

    /// Calls `body` with the keys that match a pattern; some may come twice, as `SCAN` has it.
    package func forEachPage(matching pattern: [UInt8], _ body: ([[UInt8]]) async throws -> Void) async throws {
        try await forEachPage(matching: pattern) { keys, _ in try await body(keys) }
    }

    /// The same, with how much of the database was looked at, from 0 to 1.
    package func forEachPage(
        matching pattern: [UInt8], _ body: (_ keys: [[UInt8]], _ share: Double) async throws -> Void
    ) async throws {
        var cursor = Array("0".utf8)
        repeat {
            try Task.checkCancellation()
            let reply = try await ask(
                RedisCommand([
                    Array("SCAN".utf8), cursor, Array("MATCH".utf8), pattern, Array("COUNT".utf8),
                    Array("\(Self.pageSize)".utf8),
                ]))
            guard case .array(let fields) = reply, fields.count == 2, case .bytes(let next) = fields[0],
                case .array(let keys) = fields[1]
            else { return }
            try await body(
                keys.compactMap { if case .bytes(let key) = $0 { key } else { nil } },
                Self.share(beforeCursor: String(decoding: next, as: UTF8.self)))
            cursor = next
        } while cursor != Array("0".utf8)
    }

    private func ask(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        willSend(command)
        return try await redis.send(command)
    }

    /// A cursor counts the buckets of Redis' hash table from its highest bit down.
    private static func share(beforeCursor text: String) -> Double {
        guard var cursor = UInt64(text), cursor != 0 else { return 1 }
        var mirrored: UInt64 = 0
        for _ in 0..<64 {
            mirrored = mirrored << 1 | cursor & 1
            cursor >>= 1
        }
        return Double(mirrored) / 0x1p64
    }
}

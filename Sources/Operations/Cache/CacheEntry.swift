internal import Formatting
internal import RedisClient

/// One key as Redis has it.
struct CacheEntry: Hashable, Sendable {
    let key: [UInt8]
    /// `string`, `hash`, `list`, `set`, `zset`, `stream`, or what a module calls its own.
    var type: String
    /// How long until it goes by itself; nil: it never does.
    var ttlMilliseconds: Int64?
    /// The server's memory that it takes, in bytes; nil if the user may not ask.
    var byteCount: Int?
    /// The value, shortened for people; nil if it was not asked for.
    var value: String?

    var json: JSONText {
        .fields([
            "key": .text(KeyText.shown(key)), "type": .text(type),
            "ttlMilliseconds": ttlMilliseconds.map { .number(Int($0)) } ?? .null,
            "bytes": byteCount.map { .number($0) } ?? .null, "value": value.map { .text($0) } ?? .null,
        ])
    }
}

/// Asks for keys, many at once on one connection. No single question takes Redis long, however large the value.
struct CacheReader {
    let connection: RedisConnection

    /// How many questions are under way at a time.
    static let pageSize = 500
    /// How many bytes of a value are read to be shown.
    static let shownBytes = 1024

    /// The entries of these keys, in their order; those that are not there (any more) are left out.
    ///
    /// - Throws: `RedisError`.
    func entries(_ keys: [[UInt8]], values: Bool = false) async throws(RedisError) -> [CacheEntry] {
        var entries: [CacheEntry] = []
        for start in stride(from: 0, to: keys.count, by: Self.pageSize) {
            let asked = keys[start..<min(start + Self.pageSize, keys.count)].map { key in
                (
                    key: key, type: connection.submit(RedisCommand("TYPE", keys: [key])),
                    left: connection.submit(RedisCommand("PTTL", keys: [key])),
                    size: connection.submit(RedisCommand("MEMORY", "USAGE", keys: [key]))
                )
            }
            for (key, type, left, size) in asked {
                // Keys of others, which this user may see in a list, and not touch.
                let type = try await type.value(unless: .noPermission)?.string ?? "?"
                let left = try await left.value(unless: .noPermission)?.int ?? -1
                let size = try await size.value(unless: .noPermission)?.int
                guard type != "none", left != -2 else { continue }
                var entry = CacheEntry(
                    key: key, type: type, ttlMilliseconds: left < 0 ? nil : left, byteCount: size.map { Int($0) })
                if values { entry.value = try await value(of: key, type: type) }
                entries.append(entry)
            }
        }
        return entries
    }

    /// The beginning of a value, for people.
    func value(of key: [UInt8], type: String, limit: Int = shownBytes) async throws(RedisError) -> String {
        switch type {
        case "string":
            let bytes = try await ask(Self.range(of: key, 0..<limit + 1))?.bytes ?? []
            return KeyText.value(bytes, limit: limit)
        case "hash":
            let (flat, isWhole) = try await part("HSCAN", key)
            let pairs = stride(from: 0, to: flat.count - 1, by: 2).map { "\(flat[$0]): \(flat[$0 + 1])" }
            return Self.list(pairs, "{", "}", limit, isWhole: isWhole)
        case "set":
            let (elements, isWhole) = try await part("SSCAN", key)
            return Self.list(elements, "{", "}", limit, isWhole: isWhole)
        case "zset":
            let (flat, isWhole) = try await part("ZSCAN", key)
            let pairs = stride(from: 0, to: flat.count - 1, by: 2).map { "\(flat[$0]): \(flat[$0 + 1])" }
            return Self.list(pairs, "{", "}", limit, isWhole: isWhole)
        case "list":
            let reply = try await ask(RedisCommand([Array("LRANGE".utf8), key, Array("0".utf8), Array("100".utf8)]))
            let texts = Self.texts(reply)
            return Self.list(Array(texts.prefix(100)), "[", "]", limit, isWhole: texts.count <= 100)
        default: return "(a \(type))"
        }
    }

    /// A part of a string.
    static func range(of key: [UInt8], _ bytes: Range<Int>) -> RedisCommand {
        RedisCommand([
            Array("GETRANGE".utf8), key, Array("\(bytes.lowerBound)".utf8), Array("\(bytes.upperBound - 1)".utf8),
        ])
    }

    /// The first elements of a collection, some hundred, and whether there are no others. It may have been replaced by
    /// one of another type meanwhile.
    private func part(
        _ command: String, _ key: [UInt8]
    ) async throws(RedisError) -> (elements: [String], isWhole: Bool) {
        let reply = try await ask(
            RedisCommand([Array(command.utf8), key, Array("0".utf8), Array("COUNT".utf8), Array("100".utf8)]))
        return (Self.texts(reply?.array?.last), reply?.array?.first?.string.map { $0 == "0" } ?? true)
    }

    private func ask(_ command: RedisCommand) async throws(RedisError) -> RedisValue? {
        try await connection.submit(command).value(unless: .wrongType)
    }

    private static func texts(_ value: RedisValue?) -> [String] {
        value?.array?.map { KeyText.value($0.bytes ?? [], limit: 200) } ?? []
    }

    private static func list(
        _ texts: [String], _ open: String, _ close: String, _ limit: Int, isWhole: Bool
    ) -> String {
        let text = texts.joined(separator: ", ") + (isWhole ? "" : ", …")
        return open + (text.count > limit ? text.prefix(limit) + "…" : text) + close
    }
}

extension RedisPendingReply {
    /// The reply; nil if the server answers with an error of this kind.
    func value(unless kind: RedisServerError.Kind) async throws(RedisError) -> RedisValue? {
        do throws(RedisError) {
            return try await value()
        } catch {
            guard error.serverError?.kind == kind else { throw error }
            return nil
        }
    }
}

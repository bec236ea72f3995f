internal import RedisClient

/// What is found under a key.
struct CachedValue: Sendable {
    enum Content: Hashable, Sendable {
        case absent
        case string([UInt8])
        /// Names and values of a hash's fields, in turn.
        case fields([[UInt8]])
        /// A type of Redis that Baton never writes.
        case other(String)
    }

    let content: Content
    /// -1 for a key that never ends, -2 for one that is not there.
    let timeToLiveMilliseconds: Int64
}

/// Reads many keys at a time with their times to live.
struct CacheReader: Sendable {
    let connection: RedisConnection

    /// Asks for the keys at once; the answer is to be waited for.
    func ask(_ keys: [[UInt8]]) -> Answer {
        var arguments = RedisArguments(["EVAL", Self.script, "\(keys.count)"])
        for key in keys { arguments.append(key) }
        return Answer(reply: connection.submit(RedisCommand(segments: [arguments]), timeout: .seconds(30)))
    }

    /// Values that are on their way.
    struct Answer: Sendable {
        fileprivate let reply: RedisPendingReply

        /// The values, in the order of the keys.
        func values() async throws -> [CachedValue] {
            guard let pairs = try await reply.value().array else { return [] }
            return pairs.map { pair in
                let parts = pair.array ?? []
                let content: CachedValue.Content =
                    switch parts.last {
                    case .bytes(let bytes): .string(bytes)
                    case .array(let elements): .fields(elements.map { $0.bytes ?? [] })
                    case .status(let type): .other(type)
                    case .null, .integer, .error, nil: .absent
                    }
                return CachedValue(content: content, timeToLiveMilliseconds: parts.first?.int ?? -2)
            }
        }
    }

    private static let script = """
        local answers = {}
        for place, key in ipairs(KEYS) do
            local kind, value = redis.call('TYPE', key).ok, false
            if kind == 'string' then value = redis.call('GET', key)
            elseif kind == 'hash' then value = redis.call('HGETALL', key)
            elseif kind ~= 'none' then value = {ok = kind} end
            answers[place] = {redis.call('PTTL', key), value}
        end
        return answers
        """

    /// Walks over all keys; some may come twice.
    func forEachPage(_ body: ([[UInt8]]) throws -> Void) async throws {
        var cursor = "0"
        repeat {
            let page = try await connection.send(RedisCommand("SCAN", cursor, "COUNT", "1000"), timeout: .seconds(30))
            guard let parts = page.array, parts.count == 2 else { return }
            cursor = parts[0].string ?? "0"
            try body((parts[1].array ?? []).compactMap(\.bytes))
        } while cursor != "0"
    }
}

internal import CacheRefresh
internal import RedisClient

/// Reads what keys hold, as far as that decides what a batch would do to them.
struct CacheLook {
    let redis: RedisClient

    /// The content of these operations' keys, in their order.
    func contents(for operations: [WriteOperation]) async throws -> [KeyContent] {
        let connection = try await redis.connection()
        let questions = operations.map { operation in
            (
                left: connection.submit(RedisCommand([Array("PTTL".utf8), operation.key])),
                value: connection.submit(RedisCommand(Self.question(operation)))
            )
        }
        var contents: [KeyContent] = []
        for question in questions {
            let left = try await question.left.value().int ?? -2
            contents.append(KeyContent(ttlMilliseconds: left, value: try await value(question.value)))
        }
        return contents
    }

    private static func question(_ operation: WriteOperation) -> [[UInt8]] {
        switch operation.operation {
        case .set, .compareAndSet, .setExisting: [Array("GET".utf8), operation.key]
        case .setHash, .compareAndSetHash, .setExistingHash, .touchHash: [Array("HGETALL".utf8), operation.key]
        case .delete, .touch, .mark: [Array("PING".utf8)]
        }
    }

    /// - Returns: nil for a key that is not there, and for one of another type.
    private func value(_ reply: RedisPendingReply) async throws(RedisError) -> WriteOperation.Value? {
        let value: RedisValue
        do throws(RedisError) {
            value = try await reply.value()
        } catch {
            guard error.serverError?.kind == .wrongType else { throw error }
            return nil
        }
        switch value {
        case .bytes(let bytes): return .string(bytes)
        case .array(let members):
            let texts = members.compactMap(\.bytes)
            guard !texts.isEmpty, texts.count.isMultiple(of: 2) else { return nil }
            let pairs = stride(from: 0, to: texts.count, by: 2).map { (texts[$0], texts[$0 + 1]) }
            return .hash(Dictionary(pairs, uniquingKeysWith: { $1 }))
        default: return nil
        }
    }
}

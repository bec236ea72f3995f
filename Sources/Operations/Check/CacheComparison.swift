internal import CacheRefresh
internal import RedisClient

/// Finds out by reading what a batch would do: the scripts' decisions, without their writes.
struct CacheComparison {
    let redis: RedisClient

    /// What would become of one key, and what the script would have answered.
    struct Verdict: Sendable {
        /// Nil if nothing would happen to a key that is not there.
        let change: PlanReport.Change?
        /// As PTTL answers: milliseconds left, -1 without a TTL, -2 without a key.
        let left: Int64
        /// The right value was found in place.
        let isKept: Bool
    }

    /// One verdict an operation, in order.
    func verdicts(on operations: [PlannedOperation]) async throws -> [Verdict] {
        let connection = try await redis.connection()
        let questions = operations.map { operation in
            let name =
                switch operation.value {
                case .string: "GET"
                case .hash: "HGETALL"
                case nil: "PING"
                }
            let arguments = operation.value == nil ? [Array(name.utf8)] : [Array(name.utf8), operation.key]
            return (
                left: connection.submit(RedisCommand([Array("PTTL".utf8), operation.key])),
                value: connection.submit(RedisCommand(arguments))
            )
        }
        var verdicts: [Verdict] = []
        for (operation, question) in zip(operations, questions) {
            let left = try await question.left.value().int ?? -2
            let isRight = try await holds(operation, question.value)
            verdicts.append(
                Verdict(
                    change: Self.change(operation.operation, left: left, isRight: isRight), left: left, isKept: isRight)
            )
        }
        return verdicts
    }

    /// Whether the key holds what it shall hold; a value of another type does not.
    private func holds(_ operation: PlannedOperation, _ reply: RedisPendingReply) async throws(RedisError) -> Bool {
        let value: RedisValue
        do throws(RedisError) {
            value = try await reply.value()
        } catch {
            guard error.serverError?.kind == .wrongType else { throw error }
            return false
        }
        switch (operation.value, value) {
        case (.string(let wanted), .bytes(let found)): return wanted == found
        case (.hash(let wanted), .array(let found)):
            let texts = found.compactMap(\.bytes)
            guard texts.count == wanted.count * 2 else { return false }
            return stride(from: 0, to: texts.count, by: 2).allSatisfy { wanted[texts[$0]] == texts[$0 + 1] }
        default: return false
        }
    }

    private static func change(_ operation: WriteBatch.Operation, left: Int64, isRight: Bool) -> PlanReport.Change? {
        let isThere = left != -2
        switch operation {
        case .delete: return isThere ? .delete : .keep
        case .touch, .touchHash: return isThere ? .renew : nil
        case .set, .compareAndSet, .setHash, .compareAndSetHash:
            guard isThere else { return .new }
            return isRight ? left == -1 ? .renew : .keep : .change
        case .setExisting, .setExistingHash: return isThere && !isRight ? .change : .keep
        case .mark: return nil
        }
    }
}

internal import BatonConfiguration
internal import GroupState
internal import RedisClient

extension Inspector {
    /// Who leads, and who could.
    ///
    /// - Throws: `RedisError` if the Redis of the lease can't be asked; ``InspectionError`` if keys of the group are
    ///   damaged.
    package func status() async throws -> StatusReport {
        try await withRedis(configuration.lease.redis) { redis in
            let view = try await view(redis)
            let refusal = try await RedisTrial.refusalOfWrites(keys, on: redis)
            return StatusReport(
                view: view, server: leaseServer, refusalOfWrites: refusal.map { "\($0.kind.advice) (\($0))" })
        }
    }

    /// The last elections, resignations and requests, oldest first.
    ///
    /// - Parameter limit: the most events to show; at least 1.
    /// - Throws: as ``status()``.
    package func history(limit: Int) async throws -> History {
        try await withRedis(configuration.lease.redis) { redis in
            let answer = try await redis.send(RedisCommand("XREVRANGE", keys.events, "+", "-", "COUNT", "\(limit)"))
            return History(entries: (answer.array ?? []).reversed().compactMap { History.Entry($0) })
        }
    }

    var keys: GroupKeys { GroupKeys(configuration) }

    /// The server of the lease, without secrets.
    var leaseServer: String { configuration.redis[configuration.lease.redis]?.description ?? "" }

    func view(_ redis: RedisClient) async throws -> GroupView {
        try await GroupView.read(configuration.group, keys, redis)
    }
}

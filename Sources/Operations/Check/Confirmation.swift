internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

/// The report of `confirm`: it left a request, which the leader reads while the brake holds deletions.
package struct Confirmation: Hashable, Sendable {
    package let dataset: String
    /// The hash that holds the group's requests, and the field in it.
    package let key: String
    package let field: String
    /// When it was confirmed: milliseconds since 1970 by the clock of Redis.
    package let timeMilliseconds: Int64
    /// The name of the replica that leads; nil if none does.
    package let leader: String?

    /// The answer for people.
    package var text: String {
        let fate =
            leader.map { "\($0.shown) leads, and deletes what the brake of \(dataset) holds at its next pass." }
            ?? "No replica leads now; the next leader reads it if its brake holds deletions of \(dataset) by then."
        return "Confirmed \(dataset): wrote \(field) = \(timeMilliseconds) into \(key).\n\(fate)\n"
    }
}

extension Inspector {
    /// Confirms the deletions that the brake of a dataset holds.
    ///
    /// - Throws: ``InspectionError`` for a dataset that is unknown, or whose deletions are never held; `RedisError`.
    package func confirm(dataset name: String) async throws -> Confirmation {
        guard let dataset = try datasets(named: [name]).first else {
            throw InspectionError(.usage, "There is no dataset \(name.quoted).")
        }
        guard dataset.mode != .invalidate else {
            throw InspectionError(
                .usage,
                "\(name) is of mode `invalidate`, whose deletions are never held: the application fills its cache again."
            )
        }
        let keys = GroupKeys(configuration)
        let field = GroupKeys.confirmation(of: name)
        let milliseconds = try await withRedis(dataset.redis) { redis in
            let answer = try await ask(
                redis, ScriptCall(script: ElectionScript.confirm, keys: [keys.requests], arguments: [field]))
            return try answer.milliseconds(0).milliseconds
        }
        let lease = try await withRedis(configuration.lease.redis) { redis in
            try await redis.send(RedisCommand("GET", keys.lease)).bytes.flatMap { LeaseText($0) }
        }
        return Confirmation(
            dataset: name, key: keys.requests, field: field, timeMilliseconds: milliseconds, leader: lease?.holder)
    }
}

internal import CacheRefresh
internal import PostgresClient
internal import RedisClient

/// The content that a key should have once a change has arrived in the cache.
struct AwaitedKey: Hashable, Sendable {
    let key: [UInt8]
    /// JSON text; nil if the key should be gone.
    let value: [UInt8]?
    let isHash: Bool

    func isReached(by found: CachedValue) -> Bool {
        guard let value else { return found.content == .absent }
        return value.withUnsafeBytes { Judgement(found.content, expected: $0, isHash: isHash) } == .equal
    }
}

/// Finds out which keys a change of the database concerns, and waits until they show it.
struct ChangeFollower: Sendable {
    let redis: RedisClient
    /// The datasets that are switched on.
    let datasets: [Dataset]
    let keyPrefix: String

    /// How often the cache is looked at.
    private static let interval = Duration.milliseconds(10)
    /// When a change that does not arrive is given up.
    static let patience = Duration.seconds(60)

    /// The keys of the rows that a change concerns, as they should be now, by dataset.
    func keys(of change: SampleChange, on connection: PostgresConnection) async throws -> [String: [AwaitedKey]] {
        var found: [String: [AwaitedKey]] = [:]
        for effect in change.effects {
            for dataset in datasets where dataset.mode != .existing && dataset.reads(effect.relation) {
                let statement = Expectation(dataset: dataset, keyPrefix: keyPrefix).statement(where: effect.condition)
                for row in try await connection.query(statement) {
                    for (place, family) in dataset.keys.enumerated() {
                        guard let key = row.bytes(at: 2 * place) else { continue }
                        let isHash = dataset.format == .hash && family.value == .row
                        found[dataset.name, default: []].append(
                            AwaitedKey(key: key, value: row.bytes(at: 2 * place + 1), isHash: isHash))
                    }
                }
            }
        }
        return found
    }

    /// Fills the keys that an application with a cache of its own would have filled when it last read these rows.
    func fill(_ keys: [String: [AwaitedKey]]) async throws {
        for dataset in datasets where dataset.mode == .invalidate {
            for awaited in keys[dataset.name] ?? [] {
                let milliseconds = "\(Int(dataset.ttl / .milliseconds(1)))"
                let command = [
                    Array("SET".utf8), awaited.key, awaited.value ?? [], Array("PX".utf8), Array(milliseconds.utf8),
                ]
                _ = try await redis.send(RedisCommand(command))
            }
        }
    }

    /// The keys to wait for, from those before and after a change.
    func awaited(before: [String: [AwaitedKey]], after: [String: [AwaitedKey]]) -> [AwaitedKey] {
        datasets.flatMap { dataset in
            let (old, new) = (before[dataset.name] ?? [], after[dataset.name] ?? [])
            let staying = dataset.mode == .invalidate ? [] : new
            let gone = old.filter { old in !staying.contains { $0.key == old.key } }
            return staying + gone.map { AwaitedKey(key: $0.key, value: nil, isHash: $0.isHash) }
        }
    }

    /// Waits until the cache shows all of it.
    ///
    /// - Returns: how long it took since `start`; nil if it took too long or the task was cancelled.
    func follow(_ awaited: [AwaitedKey], since start: ContinuousClock.Instant) async -> Duration? {
        var left = awaited
        while !Task.isCancelled, .now - start < Self.patience {
            // A Redis that can't be reached may be back soon.
            if let connection = try? await redis.connection(),
                let values = try? await CacheReader(connection: connection).ask(left.map(\.key)).values(),
                values.count == left.count
            {
                left = zip(left, values).filter { !$0.isReached(by: $1) }.map(\.0)
                if left.isEmpty { return .now - start }
            }
            try? await Task.sleep(for: Self.interval)
        }
        return nil
    }
}

extension Dataset {
    /// Whether the dataset is made of that table, or is the query of that name.
    fileprivate func reads(_ relation: String) -> Bool {
        switch source {
        case .table(let table, _, _): table == relation
        case .query: name == relation
        }
    }
}

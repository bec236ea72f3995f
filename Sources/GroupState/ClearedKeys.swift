package import LeaderElection
package import RedisClient

/// The keys that people took out of the cache on one Redis, or put into it, since the leader looked last (`baton
/// cache`): the leader would else believe them unchanged until their TTL is renewed.
///
/// The datasets of a Redis share one of these, so that it is asked once a second however many there are.
package actor ClearedKeys {
    /// The keys that a dataset has to look at again.
    package enum Doubt: Hashable, Sendable {
        case none
        /// The rows that make these keys, if any do.
        case keys(Set<[UInt8]>)
        case everything
    }

    /// The most single keys that are looked at by themselves; for more of them, everything is.
    static let maximumKeys = 1000

    /// While notes keep coming, as during a long clearing, everything is compared once in this time.
    static let calm = Duration.seconds(20)

    private let keys: GroupKeys
    private let token: Token
    private let redis: RedisClient
    private let interval: Duration
    private let patience: Duration
    private var askedAt: ContinuousClock.Instant?
    /// What each dataset has to look at again, by its name. A dataset that is not here yet knows nothing of the cache
    /// that could be wrong.
    private var doubts: [String: Doubt] = [:]
    /// When the last note came that means everything, by dataset; and when that was last handed out.
    private var disturbedAt: [String: ContinuousClock.Instant] = [:]
    private var comparedAt: [String: ContinuousClock.Instant] = [:]

    /// - Parameters:
    ///   - interval: how often Redis is asked, at most.
    ///   - patience: how long an answer may take. A late one costs the connection, and with it batches.
    package init(
        keys: GroupKeys, token: Token, redis: RedisClient, interval: Duration = .seconds(1),
        patience: Duration = .seconds(5)
    ) {
        self.keys = keys
        self.token = token
        self.redis = redis
        self.interval = interval
        self.patience = patience
    }

    /// Hands out the keys that a dataset has to look at again; once.
    ///
    /// - Throws: `RedisError`.
    package func take(for dataset: String) async throws -> Doubt {
        if doubts[dataset] == nil { doubts[dataset] = Doubt.none }
        if askedAt.map({ .now - $0 >= interval }) ?? true {
            askedAt = .now
            try await fetch()
        }
        let now = ContinuousClock.now
        if doubts[dataset] == .everything {
            let isQuiet = disturbedAt[dataset].map { now - $0 >= interval } ?? true
            let wasLongAgo = comparedAt[dataset].map { now - $0 >= Self.calm } ?? true
            guard isQuiet || wasLongAgo else { return .none }
            comparedAt[dataset] = now
        }
        return doubts.updateValue(.none, forKey: dataset) ?? .none
    }

    /// Nearly always there is nothing to take, which is cheaper asked, and may fail without any doubt.
    private func fetch() async throws(RedisError) {
        do throws(RedisError) {
            let count = try await redis.send(RedisCommand("HLEN", keys.cleared), timeout: patience)
            guard count.int ?? 0 > 0 else { return }
            let notes = try await take()
            for note in notes.array ?? [] { if let bytes = note.bytes { add(bytes) } }
        } catch {
            // A leader who may not ask, or finds something else there, refreshes all the same.
            guard error.delivery == .rejected else { throw error }
        }
    }

    private func take() async throws(RedisError) -> RedisValue {
        do throws(RedisError) {
            return try await redis.run(
                ScriptCall(
                    script: ElectionScript.cleared, keys: [keys.cleared, keys.fence], arguments: ["\(token)"]),
                timeout: patience)
        } catch {
            // The notes may be taken, and nobody knows what they said.
            if error.delivery == .unknown { add(.everything) }
            throw error
        }
    }

    private func add(_ bytes: [UInt8]) {
        if let note = ClearedNote(bytes) { add(note) }
    }

    private func add(_ note: ClearedNote) {
        switch note {
        case .everything: for name in doubts.keys { doubtEverything(of: name) }
        case .dataset(let name): if doubts[name] != nil { doubtEverything(of: name) }
        // A note does not say whose key it is: each dataset knows that itself.
        case .key(let key): for name in doubts.keys { doubts[name]?.add(key) }
        }
    }

    private func doubtEverything(of dataset: String) {
        doubts[dataset] = .everything
        disturbedAt[dataset] = .now
    }
}

extension ClearedKeys.Doubt {
    fileprivate mutating func add(_ key: [UInt8]) {
        switch self {
        case .none: self = .keys([key])
        case .keys(var keys):
            keys.insert(key)
            self = keys.count > ClearedKeys.maximumKeys ? .everything : .keys(keys)
        case .everything: break
        }
    }
}

/// One field of the hash in which `clear.lua` notes what was cleared.
package enum ClearedNote: Hashable, Sendable {
    case everything
    case dataset(String)
    case key([UInt8])

    /// How long notes wait for a leader. A new one looks at everything anyway.
    package static let ttl = Duration.seconds(24 * 3600)

    /// Reads a note; nil for one of a later version.
    init?(_ bytes: [UInt8]) {
        if bytes.starts(with: "key:".utf8) {
            self = .key(Array(bytes.dropFirst(4)))
        } else if bytes.elementsEqual("dataset:*".utf8) {
            self = .everything
        } else if bytes.starts(with: "dataset:".utf8) {
            self = .dataset(String(decoding: bytes.dropFirst(8), as: UTF8.self))
        } else {
            return nil
        }
    }

    package var bytes: [UInt8] {
        switch self {
        case .everything: Array("dataset:*".utf8)
        case .dataset(let name): Array("dataset:\(name)".utf8)
        case .key(let key): Array("key:".utf8) + key
        }
    }
}

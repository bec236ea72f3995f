internal import LeaderElection
internal import RedisClient

/// What people took out of the cache on one Redis, or put into it, since the leader looked last (`baton cache`): the leader would
/// else hold it for unchanged until its TTL is renewed.
///
/// The datasets of a Redis share one of these, so that it is asked once a second however many there are.
actor ClearedKeys {
    /// What a dataset has to look at again.
    enum Doubt: Hashable, Sendable {
        case none
        /// The rows that make these keys, if any do.
        case keys(Set<[UInt8]>)
        case everything
    }

    /// So many single keys are not worth more than a look at everything.
    static let maximumKeys = 1000

    private let keys: GroupKeys
    private let token: Token
    private let redis: RedisClient
    private let interval: Duration
    private var askedAt: ContinuousClock.Instant?
    /// By dataset. One that is not here yet knows nothing of the cache that could be wrong.
    private var doubts: [String: Doubt] = [:]

    /// - Parameter interval: how often Redis is asked, at most.
    init(keys: GroupKeys, token: Token, redis: RedisClient, interval: Duration = .seconds(1)) {
        self.keys = keys
        self.token = token
        self.redis = redis
        self.interval = interval
    }

    /// What a dataset has to look at again; said once.
    ///
    /// - Throws: `RedisError`.
    func take(for dataset: String) async throws -> Doubt {
        if doubts[dataset] == nil { doubts[dataset] = Doubt.none }
        if askedAt.map({ .now - $0 >= interval }) ?? true {
            askedAt = .now
            for note in try await fetch().array ?? [] { if let bytes = note.bytes { add(bytes) } }
        }
        return doubts.updateValue(.none, forKey: dataset) ?? .none
    }

    private func fetch() async throws(RedisError) -> RedisValue {
        do throws(RedisError) {
            return try await redis.run(
                ScriptCall(
                    script: ElectionScript.cleared, keys: [keys.cleared, keys.fence], arguments: ["\(token)"]))
        } catch {
            // The notes may be taken, and nobody knows what they said.
            if error.delivery != .notSent { add(.everything) }
            throw error
        }
    }

    private func add(_ bytes: [UInt8]) {
        if let note = ClearedNote(bytes) { add(note) }
    }

    private func add(_ note: ClearedNote) {
        switch note {
        case .everything: for name in doubts.keys { doubts[name] = .everything }
        case .dataset(let name): if doubts[name] != nil { doubts[name] = .everything }
        // Whose key it is, each dataset knows itself.
        case .key(let key): for name in doubts.keys { doubts[name]?.add(key) }
        }
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
enum ClearedNote: Hashable, Sendable {
    case everything
    case dataset(String)
    case key([UInt8])

    /// How long notes wait for a leader. A new one looks at everything anyway.
    static let ttl = Duration.seconds(24 * 3600)

    /// Nil for a note of a later version.
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

    var bytes: [UInt8] {
        switch self {
        case .everything: Array("dataset:*".utf8)
        case .dataset(let name): Array("dataset:\(name)".utf8)
        case .key(let key): Array("key:".utf8) + key
        }
    }
}

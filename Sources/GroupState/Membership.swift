internal import CacheRefresh

/// The replicas of a group, as they stand in Redis.
package struct Membership: Hashable, Sendable {
    /// How often a replica says that it is there, at least.
    package static let interval = Duration.seconds(2)
    /// How long a replica may go unseen and still be counted upon.
    package static let freshness = Duration.seconds(6)

    /// The time by the clock of Redis, in milliseconds since 1970.
    package let nowMilliseconds: Int64
    /// All replicas, those included that are gone for less than an hour.
    package let replicas: [ReplicaInfo]

    package init(nowMilliseconds: Int64, replicas: [ReplicaInfo]) {
        self.nowMilliseconds = nowMilliseconds
        self.replicas = replicas
    }

    /// The answer of `present.lua`.
    package init(_ answer: ScriptAnswer) throws(LeaseError) {
        guard answer.word == "PRESENT", let now = KeptNumber.read(try answer.field(0)) else {
            throw try LeaseError(refusal: answer) ?? .unexpectedAnswer(answer.word)
        }
        let entries = answer.fields.dropFirst()
        self.init(
            nowMilliseconds: now,
            replicas: stride(from: entries.startIndex, to: entries.endIndex - 1, by: 2).compactMap {
                ReplicaInfo(id: entries[$0], json: entries[$0 + 1].utf8)
            })
    }

    /// The replicas that were seen lately.
    package var present: [ReplicaInfo] {
        replicas.filter { nowMilliseconds - $0.seenMilliseconds <= Self.freshness.milliseconds }
    }

    /// Whether others should be elected before this one: those of a newer version, and among those of the same version
    /// the ones with a newer revision of the datasets. A version is newer by its number; a revision is, if its first
    /// replica that is still there started later. So an update of all replicas, one by one, changes the leader as
    /// seldom as possible.
    package func isOutdated(_ replica: ReplicaInfo) -> Bool {
        let present = present
        func firstStart(_ other: ReplicaInfo) -> Int64 {
            present.filter { $0.version == other.version && $0.revision == other.revision }
                .map(\.startedMilliseconds).min() ?? other.startedMilliseconds
        }
        let own = firstStart(replica)
        return present.contains { other in
            if other.version != replica.version { return Self.isVersion(replica.version, before: other.version) }
            return other.revision != replica.revision && firstStart(other) > own
        }
    }

    /// Whether a version is older than another: compared by the numbers between dots, then as text, so that 0.9.1 is
    /// before 0.10.
    static func isVersion(_ left: String, before right: String) -> Bool {
        let parts = [left, right].map { $0.split(separator: ".").map { Int($0) ?? -1 } }
        if parts[0] != parts[1] { return parts[0].lexicographicallyPrecedes(parts[1]) }
        return left < right
    }
}

package import GroupState
internal import JSON
internal import RedisClient

/// The state of a group as Redis knows it. Whoever has the configuration can see it, from anywhere.
package struct GroupView: Hashable, Sendable {
    package struct Leader: Hashable, Sendable {
        package let name: String
        package let epoch: String
        package let token: String
        package let sinceMilliseconds: Int64
        /// How long until the lease runs out unless renewed; nil if it never does, which is a fault.
        package let leftMilliseconds: Int64?
        package let deployment: String
    }

    package struct Pause: Hashable, Sendable {
        package let untilMilliseconds: Int64
        package let by: String
        package let reason: String
    }

    package struct StepDown: Hashable, Sendable {
        package let epoch: String
        /// The replica that is to lead next; empty for any.
        package let successor: String
        package let by: String
        package let reason: String
    }

    package let group: String
    /// The time by the clock of Redis, in milliseconds since 1970, as all others are.
    package let nowMilliseconds: Int64
    package let leader: Leader?
    /// The lease's key holds something that is no lease.
    package let leaseIsGarbage: Bool
    /// The group's other keys of which something can't be read, so that there may be more than is said here.
    package let unreadable: [String]
    package let pause: Pause?
    /// A request that the leader has not met yet.
    package let stepDown: StepDown?
    package let membership: Membership
    /// How many hear the leader's channel: its own process, if all is well.
    package let listeners: Int?
    /// How the datasets fared within the last minute, as the leader tells; nil if it has told nothing yet.
    package let statistics: GroupStatistics?

    package var present: [ReplicaInfo] { membership.present.sorted { $0.name < $1.name } }
}

extension GroupView {
    /// - Throws: `RedisError`; ``InspectionError`` if a key of the group is of another type.
    static func read(_ group: String, _ keys: GroupKeys, _ redis: RedisClient) async throws -> GroupView {
        let time = try await redis.send(RedisCommand("TIME")).array?.compactMap(\.int) ?? []
        guard time.count == 2 else {
            throw InspectionError(.internalError, "Redis answered TIME with something that is no time.")
        }
        let now = time[0] * 1000 + time[1] / 1000
        let text = try await ask(redis, "GET", keys.lease).bytes
        let fields = hash(try await ask(redis, "HGETALL", keys.requests))
        let notes = hash(try await ask(redis, "HGETALL", keys.replicas))
        let told = try await ask(redis, "GET", keys.statistics).bytes
        let statistics = told.flatMap { GroupStatistics($0) }
        let lease = text.flatMap { LeaseText($0) }
        var leader: Leader?
        var listeners: Int?
        if let lease {
            let left = try await redis.send(RedisCommand("PTTL", keys.lease)).int ?? -1
            listeners = try await redis.send(RedisCommand("PUBSUB", "NUMSUB", keys.live(lease.token))).array?.last?.int
                .map { Int($0) }
            leader = Leader(
                name: lease.holder, epoch: lease.epoch, token: lease.token, sinceMilliseconds: lease.sinceMilliseconds,
                leftMilliseconds: left == -1 ? nil : max(0, left), deployment: lease.deployment)
        }
        let pause = fields["pause"].map { Pause($0) }
        let stepDown = fields["step-down"].map { StepDown($0) }
        let replicas = notes.map { ReplicaInfo(id: $0.key, json: $0.value) }
        let unreadable = [
            (keys.statistics, told != nil && statistics == nil), (keys.replicas, replicas.contains(nil)),
            (keys.requests, pause == .some(nil) || stepDown == .some(nil)),
        ].filter(\.1).map(\.0)
        return GroupView(
            group: group, nowMilliseconds: now, leader: leader, leaseIsGarbage: text != nil && lease == nil,
            unreadable: unreadable, pause: pause?.flatMap { $0.untilMilliseconds > now ? $0 : nil },
            stepDown: stepDown?.flatMap { $0.epoch == leader?.epoch ? $0 : nil },
            membership: Membership(nowMilliseconds: now, replicas: replicas.compactMap(\.self)), listeners: listeners,
            // Those of an earlier leader say nothing of now.
            statistics: statistics?.epoch == leader?.epoch ? statistics : nil)
    }

    private static func ask(_ redis: RedisClient, _ words: String...) async throws -> RedisValue {
        do throws(RedisError) {
            return try await redis.send(RedisCommand(words))
        } catch {
            guard error.serverError?.kind == .wrongType else { throw error }
            throw InspectionError(
                .configuration, "A key of the group is of another type; `baton fsck` says which and what to do.")
        }
    }

    /// The fields of a hash with their values, which may be no text.
    static func hash(_ value: RedisValue) -> [String: [UInt8]] {
        let flat = value.array?.map { $0.bytes ?? [] } ?? []
        return Dictionary(
            stride(from: 0, to: flat.count - 1, by: 2).map {
                (String(decoding: flat[$0], as: UTF8.self), flat[$0 + 1])
            },
            uniquingKeysWith: { $1 })
    }
}

// Notes as `request.lua` writes them; nil for anything else, and for a newer form, which no leader applies either.

extension GroupView.Pause {
    init?(_ json: [UInt8]) {
        guard let request = KeptNote.read(json, format: 1), let end = KeptNumber.read(request["until"]?.string) else {
            return nil
        }
        self.init(
            untilMilliseconds: end / 1000, by: request["by"]?.string ?? "", reason: request["reason"]?.string ?? "")
    }
}

extension GroupView.StepDown {
    init?(_ json: [UInt8]) {
        guard let request = KeptNote.read(json, format: 1), let epoch = request["epoch"]?.string else { return nil }
        self.init(
            epoch: epoch, successor: request["to"]?.string ?? "", by: request["by"]?.string ?? "",
            reason: request["reason"]?.string ?? "")
    }
}

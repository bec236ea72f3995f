internal import RedisClient
internal import Yams

/// What Redis knows of a group. Whoever has the configuration can see it, from anywhere.
public struct GroupView: Hashable, Sendable {
    public struct Leader: Hashable, Sendable {
        public let name: String
        public let epoch: String
        public let token: String
        public let sinceMilliseconds: Int64
        /// Until the lease runs out unless renewed; nil if it never does, which is a fault.
        public let leftMilliseconds: Int64?
        public let deployment: String
    }

    public struct Pause: Hashable, Sendable {
        public let untilMilliseconds: Int64
        public let by: String
        public let reason: String
    }

    public struct StepDown: Hashable, Sendable {
        public let epoch: String
        /// Empty for any.
        public let successor: String
        public let by: String
        public let reason: String
    }

    public let group: String
    /// By the clock of Redis, in milliseconds since 1970, as are all others.
    public let nowMilliseconds: Int64
    public let leader: Leader?
    /// The lease's key holds something that is no lease.
    public let leaseIsGarbage: Bool
    public let pause: Pause?
    /// A wish that the leader has not met yet.
    public let stepDown: StepDown?
    public let attendance: Attendance
    /// How many hear the leader's channel: its own process, if all is well.
    public let listeners: Int?
    /// How the datasets fared within the last minute, as the leader tells; nil if it has told nothing yet.
    public let figures: GroupFigures?

    public var present: [Presence] { attendance.present.sorted { $0.name < $1.name } }
}

extension GroupView {
    /// - Throws: `RedisError`; ``InspectionError`` if a key of the group is of another type.
    static func read(_ group: String, _ keys: GroupKeys, _ redis: RedisClient) async throws -> GroupView {
        let time = try await redis.send(RedisCommand("TIME")).array?.compactMap(\.int) ?? []
        guard time.count == 2 else {
            throw InspectionError(.internalError, "Redis answered TIME with something that is no time.")
        }
        let now = time[0] * 1000 + time[1] / 1000
        let text = try await ask(redis, "GET", keys.lease).string
        let fields = hash(try await ask(redis, "HGETALL", keys.wishes))
        let notes = hash(try await ask(redis, "HGETALL", keys.replicas))
        let figures = try await ask(redis, "GET", keys.figures).string.flatMap { GroupFigures($0) }
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
        let pause = fields["pause"].flatMap { Wish.read($0) }.flatMap { wish -> Pause? in
            guard let end = wish["until"]?.string.flatMap({ Int64($0) }), end / 1000 > now else { return nil }
            return Pause(
                untilMilliseconds: end / 1000, by: wish["by"]?.string ?? "", reason: wish["reason"]?.string ?? "")
        }
        let stepDown = fields["step-down"].flatMap { Wish.read($0) }.flatMap { wish -> StepDown? in
            guard let epoch = wish["epoch"]?.string, epoch == leader?.epoch else { return nil }
            return StepDown(
                epoch: epoch, successor: wish["to"]?.string ?? "", by: wish["by"]?.string ?? "",
                reason: wish["reason"]?.string ?? "")
        }
        return GroupView(
            group: group, nowMilliseconds: now, leader: leader, leaseIsGarbage: text != nil && lease == nil,
            pause: pause, stepDown: stepDown,
            attendance: Attendance(
                nowMilliseconds: now, replicas: notes.compactMap { Presence(id: $0.key, json: $0.value) }),
            listeners: listeners,
            // Those of an earlier leader say nothing of now.
            figures: figures?.epoch == leader?.epoch ? figures : nil)
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

    private static func hash(_ value: RedisValue) -> [String: String] {
        let flat = value.array?.map { $0.string ?? "" } ?? []
        return Dictionary(
            stride(from: 0, to: flat.count - 1, by: 2).map { (flat[$0], flat[$0 + 1]) }, uniquingKeysWith: { $1 })
    }
}

extension Wish {
    /// The members of a wish that the scripts wrote; nil for anything else, and for a newer form.
    static func read(_ json: String) -> Node.Mapping? {
        // JSON is YAML too.
        guard let wish = (try? Yams.compose(yaml: json))?.mapping, let format = wish["format"]?.float, format < 2 else {
            return nil
        }
        return wish
    }
}

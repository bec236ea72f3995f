public import LeaderElection

/// What Baton's scripts make of the keys of one group, without Redis: the lease with its expiry, the fence, and the
/// last batch that was accepted.
///
/// It is checked against the scripts themselves on a real Redis. The time is passed in, and is the server's wall clock,
/// because that is what Redis counts TTLs by.
public struct RedisModel: Hashable, Sendable {
    /// The value of the lease's key.
    public enum LeaseValue: Hashable, Sendable {
        case lease(Lease)
        case leaseOfOtherDeployment(Lease, deployment: String)
        case leaseOfNewerFormat
        case garbage
        /// A key of another type.
        case list
    }

    public struct LeaseKey: Hashable, Sendable {
        public var value: LeaseValue
        /// The last millisecond at which the key is there, as Unix time; nil: it has no TTL.
        public var lastMillisecond: Int64?

        public init(_ value: LeaseValue, lastMillisecond: Int64?) {
            (self.value, self.lastMillisecond) = (value, lastMillisecond)
        }
    }

    /// The fields of the fence; nil: the field is missing.
    public struct Fence: Hashable, Sendable {
        public var epoch: Int64?
        public var token: String?
        public var sequence: Int64?
        /// The highest epoch ever issued; never part of an answer.
        public var highest: Int64?

        public init(epoch: Int64? = nil, token: String? = nil, sequence: Int64? = nil, highest: Int64? = nil) {
            (self.epoch, self.token, self.sequence, self.highest) = (epoch, token, sequence, highest)
        }
    }

    public enum FenceKey: Hashable, Sendable {
        case hash(Fence)
        /// A key of another type.
        case text
    }

    /// A batch, named by who sent it and where it stands.
    public struct Batch: Hashable, Sendable {
        public let token: Token
        public let sequence: Int64
    }

    /// The term whose leader seems to be gone.
    public struct Suspect: Hashable, Sendable {
        public let token: String
        /// The time since when it seems so, in µs since 1970; nil: the leader has said that it is alive.
        public let since: Int64?
        /// The last millisecond at which the key is there.
        var lastMillisecond: Int64
    }

    /// How long a leader must be silent before its lease is taken over.
    static let graceMicroseconds: Int64 = 30_000

    public var leaseKey: LeaseKey?
    public private(set) var suspect: Suspect?
    public var fenceKey: FenceKey?
    public private(set) var lastBatch: Batch?
    /// The flaw that the model has, if it is to have one.
    let mutation: Mutation?

    public init() { self.init(mutation: nil) }

    init(mutation: Mutation?) { self.mutation = mutation }

    /// The lease, if it is one of the caller's deployment.
    var lease: Lease? {
        guard case .lease(let lease)? = leaseKey?.value else { return nil }
        return lease
    }

    /// The fields of the fence; all missing if it is of another type.
    public var fence: Fence {
        guard case .hash(let fence)? = fenceKey else { return Fence() }
        return fence
    }

    /// Removes the lease if it has run out.
    public mutating func expire(atMilliseconds now: Int64) {
        if let last = leaseKey?.lastMillisecond, last < now { leaseKey = nil }
        if let last = suspect?.lastMillisecond, last < now { suspect = nil }
    }

    /// Runs one script.
    ///
    /// - Parameter clock: the server's wall clock, in microseconds since 1970.
    public mutating func run(_ request: RedisRequest, by caller: Caller, clock: Int64) -> RedisAnswer {
        let now = clock / 1000
        expire(atMilliseconds: now)
        return switch request {
        case .acquire(let token, let floor, let suspicion, let isHeard):
            acquire(token, floor: floor, suspicion, isHeard: isHeard, caller, clock: clock)
        case .renew(let lease, let isHeard): renew(lease, isHeard: isHeard, caller, now: now)
        case .resign(let lease): resign(lease)
        case .sync(let lease, let next): sync(lease, next: next, now: now)
        case .raise(let lease, let next): raise(lease, next: next)
        case .write(let lease, let previous, let next): write(lease, previous: previous, next: next)
        }
    }

    // MARK: The scripts

    private mutating func acquire(
        _ token: Token, floor: Epoch, _ suspicion: Suspicion?, isHeard: Bool, _ caller: Caller, clock: Int64
    ) -> RedisAnswer {
        let now = clock / 1000
        var floor = floor
        if leaseKey?.value == .list { return .refused(.leaseOfWrongType) }
        if fenceKey == .text { return .refused(.fenceOfWrongType) }
        if let leaseKey {
            guard case .lease(let lease) = leaseKey.value else { return describe(leaseKey, now: now) }
            if lease.token == token {
                self.leaseKey?.lastMillisecond = now + caller.ttlMilliseconds
                if fence.epoch != lease.epoch.number || fence.token != token.description {
                    setFence(lease.epoch, token, sequence: 0)
                }
                return .acquired(lease)
            }
            guard leaseKey.lastMillisecond != nil, let wait = patience(lease, suspicion, caller, clock: clock) else {
                return describe(leaseKey, now: now)
            }
            if wait > 0 { return .suspected(lease, waitMilliseconds: (wait + 999) / 1000) }
            floor = max(floor, lease.epoch)
        }
        let afterHighest = (fence.highest ?? 0) + 1
        let number = mutation == .epochByIncrement ? afterHighest : max(afterHighest, clock, floor.number + 1)
        guard let epoch = Epoch(number) else { return .refused(.noEpochLeft) }
        setFence(epoch, token, sequence: 0)
        let lease = RedisModel.newLease(epoch, token, caller, sinceMilliseconds: now)
        leaseKey = LeaseKey(.lease(lease), lastMillisecond: now + caller.ttlMilliseconds)
        noteHearing(of: token, isHeard, caller, now: now)
        return .acquired(lease)
    }

    /// How long to wait, in µs, before this lease may be taken over; nil: it may not.
    private mutating func patience(
        _ lease: Lease, _ suspicion: Suspicion?, _ caller: Caller, clock: Int64
    ) -> Int64? {
        guard let suspicion, suspicion.term == lease.token, suspicion.isSilent else { return nil }
        let token = lease.token.description
        if suspect?.token != token {
            suspect = Suspect(token: token, since: clock, lastMillisecond: clock / 1000 + caller.ttlMilliseconds)
        }
        guard let since = suspect?.since else { return nil }
        let youth = (lease.sinceMilliseconds + caller.ttlMilliseconds) * 1000
        return max(0, since + Self.graceMicroseconds - clock, youth - clock)
    }

    private mutating func noteHearing(of token: Token, _ isHeard: Bool, _ caller: Caller, now: Int64) {
        suspect =
            isHeard
            ? nil : Suspect(token: token.description, since: nil, lastMillisecond: now + caller.ttlMilliseconds)
    }

    private mutating func renew(_ lease: Lease, isHeard: Bool, _ caller: Caller, now: Int64) -> RedisAnswer {
        if mutation == .renewalWithoutCompare {
            guard leaseKey != nil else { return .gone }
        } else if let obstacle = notOurs(lease, now: now) {
            return obstacle
        }
        leaseKey?.lastMillisecond = now + caller.ttlMilliseconds
        noteHearing(of: lease.token, isHeard, caller, now: now)
        return .renewed(shownFence)
    }

    private mutating func resign(_ lease: Lease) -> RedisAnswer {
        let isOurs = self.lease == lease || (mutation == .resignWithoutCompare && leaseKey != nil)
        if isOurs { leaseKey = nil }
        if case .hash(var fence)? = fenceKey, fence.token == lease.token.description {
            fence.token = "sealed"
            fenceKey = .hash(fence)
        }
        return isOurs ? .resigned : .notOurs
    }

    private mutating func sync(_ lease: Lease, next: Int64, now: Int64) -> RedisAnswer {
        if fenceKey == .text { return .refused(.fenceOfWrongType) }
        if let obstacle = notOurs(lease, now: now) { return obstacle }
        let was = shownFence
        if was.epoch == lease.epoch.number, was.token == lease.token.description, let sequence = was.sequence,
            sequence >= next
        {
            return .late(sequence)
        }
        setFence(lease.epoch, lease.token, sequence: next)
        return .synced(was: was)
    }

    private mutating func raise(_ lease: Lease, next: Int64) -> RedisAnswer {
        if fenceKey == .text { return .refused(.fenceOfWrongType) }
        let was = shownFence
        let there = was.epoch ?? 0
        let highest = max(there, fence.highest ?? 0)
        let isOurs = there == lease.epoch.number && was.token == lease.token.description
        if highest > lease.epoch.number || (there == lease.epoch.number && !isOurs) {
            return .fenced(epoch: highest, token: was.token ?? "")
        }
        if isOurs, let sequence = was.sequence, sequence >= next { return .late(sequence) }
        setFence(lease.epoch, lease.token, sequence: next)
        return .synced(was: was)
    }

    private mutating func write(_ lease: Lease, previous: Int64, next: Int64) -> RedisAnswer {
        if mutation != .fenceOff {
            if fenceKey == .text { return .failed }
            guard let token = fence.token else { return .gap(nil) }
            guard fence.epoch == lease.epoch.number, token == lease.token.description else {
                return .fenced(epoch: fence.epoch, token: token)
            }
            guard fence.sequence == previous else { return .gap(fence.sequence) }
            var fence = fence
            fence.sequence = next
            fenceKey = .hash(fence)
        }
        lastBatch = Batch(token: lease.token, sequence: next)
        return .written
    }

    // MARK: What the scripts have in common

    private var shownFence: Fence {
        var fence = fence
        fence.highest = nil
        return fence
    }

    private mutating func setFence(_ epoch: Epoch, _ token: Token, sequence: Int64) {
        fenceKey = .hash(
            Fence(
                epoch: epoch.number, token: token.description, sequence: sequence,
                highest: max(fence.highest ?? 0, epoch.number)))
    }

    /// The answer to whoever believes to hold this lease, and does not; nil if it does.
    private func notOurs(_ lease: Lease, now: Int64) -> RedisAnswer? {
        guard let leaseKey else { return .gone }
        return self.lease == lease ? nil : describe(leaseKey, now: now)
    }

    private func describe(_ key: LeaseKey, now: Int64) -> RedisAnswer {
        switch key.value {
        case .list: .refused(.leaseOfWrongType)
        case .garbage: .refused(.notALease)
        case .leaseOfNewerFormat: .refused(.newerFormat)
        case .leaseOfOtherDeployment(_, let deployment): .refused(.otherDeployment(deployment))
        case .lease(let lease):
            key.lastMillisecond.map { .taken(lease, leftMilliseconds: $0 - now) } ?? .refused(.noTTL)
        }
    }

    // MARK: The lease's text

    private static func newLease(
        _ epoch: Epoch, _ token: Token, _ caller: Caller, sinceMilliseconds: Int64
    ) -> Lease {
        let text =
            #"{"format":1,"epoch":"\#(epoch)","token":\#(quoted(token.description)),"holder":\#(quoted(caller.holder)),"#
            + #""since":"\#(sinceMilliseconds)","deployment":\#(quoted(caller.deployment))}"#
        return Lease(
            text: text, epoch: epoch, token: token, holder: caller.holder, sinceMilliseconds: sinceMilliseconds)
    }

    /// The text as `cjson.encode` quotes printable ASCII.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text {
            if character == "\"" || character == "\\" || character == "/" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "\""
    }
}

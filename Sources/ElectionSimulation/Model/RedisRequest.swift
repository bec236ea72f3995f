public import LeaderElection

/// A request of a replica to a Redis: one call of a script.
public enum RedisRequest: Hashable, Sendable {
    case acquire(Token, floor: Epoch, suspect: Suspicion? = nil, isHeard: Bool = true)
    case renew(Lease, isHeard: Bool = true)
    case resign(Lease)
    /// Raise the fence to `next`, where the lease is.
    case sync(Lease, next: Int64)
    /// Raise the fence to `next`, where the lease is not.
    case raise(Lease, next: Int64)
    /// One batch of a term, which continues `previous`.
    case write(Lease, previous: Int64, next: Int64)
}

/// The news that the leader of a term seems to be gone.
public struct Suspicion: Hashable, Sendable {
    public let term: Token
    /// Whether nobody listens to its channel when the script looks.
    public var isSilent: Bool

    public init(term: Token, isSilent: Bool) { (self.term, self.isSilent) = (term, isSilent) }
}

/// The caller, as far as a script is told.
public struct Caller: Hashable, Sendable {
    public let holder: String
    public let deployment: String
    public let ttlMilliseconds: Int64

    public init(holder: String, deployment: String, ttlMilliseconds: Int64) {
        (self.holder, self.deployment, self.ttlMilliseconds) = (holder, deployment, ttlMilliseconds)
    }
}

/// The answer of a script.
public enum RedisAnswer: Hashable, Sendable {
    case acquired(Lease)
    case taken(Lease, leftMilliseconds: Int64)
    /// The lease may be taken over after this many milliseconds, if its leader stays silent.
    case suspected(Lease, waitMilliseconds: Int64)
    case renewed(RedisModel.Fence)
    case gone
    case resigned
    case notOurs
    /// The fence was this before.
    case synced(was: RedisModel.Fence)
    case late(Int64)
    case fenced(epoch: Int64?, token: String)
    case gap(Int64?)
    case written
    case refused(Refusal)
    /// The script failed half-way, as Redis reports it for a key of the wrong type.
    case failed

    /// A state of the keys that no script goes on with.
    public enum Refusal: Hashable, Sendable {
        case leaseOfWrongType
        case fenceOfWrongType
        case notALease
        case newerFormat
        case otherDeployment(String)
        case noTTL
        case noEpochLeft
    }
}

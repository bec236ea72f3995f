/// The time between being elected and ending leadership: what a leader's work is bound to.
public struct Term: Hashable, Sendable {
    /// The lease under which this term is led.
    public let lease: Lease
    /// The moment from which on the replica does not lead, whatever it knows of the lease: the sending of the last
    /// successful acquire or renewal, plus TTL, less margin. It comes before the lease can have run out at the store.
    public internal(set) var deadline: Moment

    public var epoch: Epoch { lease.epoch }
    public var token: Token { lease.token }

    public init(lease: Lease, deadline: Moment) {
        self.lease = lease
        self.deadline = deadline
    }
}

/// Why a lease is given up or a term ended.
public enum EndReason: Hashable, Sendable, CustomStringConvertible {
    /// No renewal was answered in time.
    case deadline
    /// The lease is no longer there: it ran out, or the store lost or evicted it.
    case leaseGone
    /// Another term holds the lease.
    case takenOver(by: Lease)
    /// The term's work returned although nothing had ended the term.
    case workEnded
    /// An operator requested that this replica steps down.
    case steppedDown
    /// The leader could not do its work, and another replica said that it can.
    case cannotWork
    /// The replica shuts down.
    case shutdown
    /// The lease was granted so late that it was no longer safe to lead under it: no term began.
    case lateAnswer
    /// The lease bears an epoch that is not above all those seen before: no term began.
    case outranked

    /// Whether the lease is left to others, perhaps to one that is named.
    public var handsOver: Bool { self == .steppedDown || self == .cannotWork }

    /// A constant word for logs, metrics and the history.
    public var description: String {
        switch self {
        case .deadline: "deadline"
        case .leaseGone: "lease-gone"
        case .takenOver: "taken-over"
        case .workEnded: "work-ended"
        case .steppedDown: "step-down"
        case .cannotWork: "cannot-work"
        case .shutdown: "shutdown"
        case .lateAnswer: "late-answer"
        case .outranked: "outranked"
        }
    }
}

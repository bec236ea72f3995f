public import LeaderElection

/// Where a replica stands in the election, for the terminal, logs and pages.
public struct ElectionStatus: Hashable, Sendable {
    /// What the replica is.
    public var state: ElectionState
    /// The lease last seen: its own while it leads, else who leads. Nil if none was seen, or it is known to be gone.
    public var lease: Lease?
    /// What keeps it from knowing more or from competing; nil if nothing does.
    public var problem: LeaseError?
    /// What the work of a leader, or of a follower that tried it, needs and can't reach.
    public var missing: [String] = []
    /// Whether the lease's Redis has ever answered.
    public var hasAnswer = false

    public init(state: ElectionState, lease: Lease? = nil, problem: LeaseError? = nil) {
        self.state = state
        self.lease = lease
        self.problem = problem
    }

    /// The epoch that it leads with; nil unless it leads.
    public var epoch: Epoch? { state == .leader ? lease?.epoch : nil }
}

package import GroupState
package import LeaderElection

/// The status of a replica in the election, for the terminal, logs and pages.
package struct ElectionStatus: Hashable, Sendable {
    /// The replica's state in the election.
    package var state: ElectionState
    /// The lease last seen: its own while it leads, else who leads. Nil if none was seen, or it is known to be gone.
    package var lease: Lease?
    /// The problem that keeps it from knowing more or from competing; nil if there is none.
    package var problem: LeaseError?
    /// The servers that the work of a leader, or of a follower that tried it, needs and can't reach.
    package var missing: [String] = []
    /// Whether the lease's Redis has ever answered.
    package var hasAnswer = false

    package init(state: ElectionState, lease: Lease? = nil, problem: LeaseError? = nil) {
        self.state = state
        self.lease = lease
        self.problem = problem
    }

    /// The epoch that it leads with; nil unless it leads.
    package var epoch: Epoch? { state == .leader ? lease?.epoch : nil }
}

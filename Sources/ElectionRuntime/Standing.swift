internal import GroupState
internal import LeaderElection

/// The standing of this replica in the election. Whoever wants to know is shown each change.
final class Standing {
    private(set) var status = ElectionStatus(state: .follower)
    private let log: ElectionLog
    private let show: @Sendable (ElectionStatus) -> Void

    init(log: ElectionLog, show: @escaping @Sendable (ElectionStatus) -> Void) {
        self.log = log
        self.show = show
    }

    /// - Returns: what it was before; nil if it was that already.
    func became(_ state: ElectionState) -> ElectionState? {
        let old = status.state
        guard state != old else { return nil }
        status.state = state
        log.stateChanged(from: old, to: state)
        show(status)
        return old
    }

    // MARK: The lease

    /// A term begins or ends. It is shown with the state, which changes next.
    ///
    /// - Parameter lease: nil: nobody's is known.
    func holds(_ lease: Lease?) { status.lease = lease }

    /// Another replica leads.
    func follows(_ lease: Lease) {
        guard status.lease != lease else { return }
        status.lease = lease
        log.following(lease)
        show(status)
    }

    // MARK: Troubles

    /// The lease's Redis has answered.
    func answered() {
        guard status.problem != nil || !status.hasAnswer else { return }
        if status.problem != nil { log.recovered() }
        status.problem = nil
        status.hasAnswer = true
        show(status)
    }

    /// - Returns: whether it is another problem than the last.
    @discardableResult
    func failed(_ problem: LeaseError) -> Bool {
        guard status.problem?.message != problem.message else { return false }
        status.problem = problem
        show(status)
        return true
    }

    /// Notes which servers the work needs and can't reach.
    func lacks(_ missing: [String]) {
        guard status.missing != missing else { return }
        status.missing = missing
        show(status)
    }
}

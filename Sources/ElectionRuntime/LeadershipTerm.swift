package import GroupState
package import LeaderElection

/// One term, as its work and the election share it: the work asks whether it lives and tells how it fares, the election
/// prolongs, pauses and ends it.
package final class LeadershipTerm: Sendable {
    /// A renewal that succeeded, and what it found at the Redis that holds the lease.
    package struct Renewal: Hashable, Sendable {
        /// When the renewal was sent: whatever had been acknowledged by then, the fence must show.
        package let askedAt: ContinuousClock.Instant
        /// What the fence said; nil if it was missing or unreadable.
        package let fence: FenceState?

        package init(askedAt: ContinuousClock.Instant, fence: FenceState?) {
            self.askedAt = askedAt
            self.fence = fence
        }
    }

    /// The lease under which this term is led, with its exact text.
    package let lease: Lease
    let report: TermReport
    private let life: TermLife
    private let passes = TermPasses()
    private let renewals = TermRenewals()

    package var epoch: Epoch { lease.epoch }
    package var token: Token { lease.token }

    /// A term that lives until the deadline, unless prolonged or ended before.
    package convenience init(lease: Lease, deadline: ContinuousClock.Instant) {
        self.init(lease: lease, deadline: deadline) { _ in }
    }

    init(lease: Lease, deadline: ContinuousClock.Instant, tell: @escaping @Sendable (TermReport.News) -> Void) {
        self.lease = lease
        life = TermLife(deadline: deadline)
        report = TermReport(tell)
    }

    // MARK: What its work asks

    /// Whether the term lives at this instant. Looks at the clock itself, so that it ends even if nothing else runs any
    /// more.
    package func isLive(at instant: ContinuousClock.Instant = .now) -> Bool { life.isLive(at: instant) }

    /// How long the term will live unless prolonged; zero once it is over.
    package func remaining(at instant: ContinuousClock.Instant = .now) -> Duration { life.remaining(at: instant) }

    /// Why the term ended; nil while it lives, and for a moment after the deadline.
    package var endReason: EndReason? { life.endReason }

    /// Waits until no pause is requested, and notes that a pass goes on; each is to be followed by ``passEnded()``.
    ///
    /// - Returns: false if the term ended, or the task was cancelled, before a pass could begin.
    package func beginPass() async -> Bool { await passes.begin(within: life) }

    /// A pass has ended, however it did.
    package func passEnded() { passes.ended() }

    /// Asks about the lease now.
    ///
    /// - Returns: true as soon as a renewal that was sent after this call has succeeded, false if the term ends before.
    package func confirmed() async -> Bool { await renewals.next { report.say(.writeRefused) } }

    /// Calls `listener` with what each later renewal finds, on the lease's event loop: it must not block.
    package func onRenewal(_ listener: @escaping @Sendable (Renewal) -> Void) { renewals.listen(listener) }

    // MARK: What its work tells

    /// A target refused a write: the lease is asked about at once, and only if it is not ours any more does the term
    /// end.
    package func writeRefused() { report.say(.writeRefused) }

    /// Nothing more will be sent to any target.
    package func stoppedSending() { report.say(.stoppedSending) }

    /// An epoch was met at a target: no later term of this replica will be below it.
    package func observed(_ epoch: Epoch) { report.say(.observed(epoch)) }

    /// Whether the work gets anywhere; it says so again and again.
    ///
    /// - Parameter obstacle: nil: it does.
    func obstructed(by obstacle: Obstacle?) { report.obstructed(by: obstacle) }

    // MARK: For the election

    package func prolong(until deadline: ContinuousClock.Instant) { life.prolong(until: deadline) }

    /// A renewal has succeeded.
    package func renewed(_ renewal: Renewal) { renewals.tell(renewal) }

    /// - Parameter end: nil: no pause is requested.
    func pause(until end: ContinuousClock.Instant?) { passes.pause(until: end) }

    /// How a request to pause is being met.
    package func pauseState(at instant: ContinuousClock.Instant = .now) -> ReplicaInfo.Pause {
        passes.pauseState(at: instant)
    }

    func end(_ reason: EndReason) {
        life.end(reason)
        renewals.end()
    }

    /// Ends the term if its deadline has passed.
    ///
    /// - Returns: whether it lived until now.
    func expire(at instant: ContinuousClock.Instant) -> Bool {
        guard life.expire(at: instant) else { return false }
        renewals.end()
        return true
    }

    /// Returns when the term is over, or the task is cancelled.
    func untilOver() async { await life.untilOver() }
}

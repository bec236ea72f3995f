package import GroupState
package import LeaderElection
internal import Synchronization

/// What a leader does, once for each term.
package protocol TermWork: Sendable {
    /// Works for as long as the term lives. Called in a task of its own, which is cancelled the moment the term ends;
    /// returning says that the work has ended, and until then this replica does not compete again. Returning early
    /// gives the term up.
    ///
    /// Say ``LeadershipTerm/stoppedSending()`` as soon as nothing more will be sent to a target, if ending takes longer
    /// than that: a leader that shuts down hands over then.
    func lead(_ term: LeadershipTerm) async

    /// Tries whether everything that the work needs can be reached from here, within seconds.
    ///
    /// - Returns: what can't, for people; nothing if all can.
    func missing() async -> [String]
}

extension TermWork {
    /// Work that needs nothing.
    package func missing() async -> [String] { [] }
}

/// One term, as its work sees it: whether it lives, and what to tell and ask the election.
package final class LeadershipTerm: Sendable {
    /// What a renewal found at the Redis that holds the lease.
    package struct RenewedFence: Hashable, Sendable {
        /// When the renewal was sent: whatever had been acknowledged by then, the fence must show.
        package let askedAt: ContinuousClock.Instant
        /// Nil if the fence was missing or unreadable.
        package let fence: FenceState?

        package init(askedAt: ContinuousClock.Instant, fence: FenceState?) {
            self.askedAt = askedAt
            self.fence = fence
        }
    }

    /// What the work tells the election.
    enum News: Sendable {
        case writeRefused
        case stoppedSending
        case observed(Epoch)
        case obstacleChanged
    }

    private struct State {
        var deadline: ContinuousClock.Instant
        var end: EndReason?
        var isAbandoned = false
        /// Until then no pass begins.
        var pausedUntil: ContinuousClock.Instant?
        /// How many passes go on.
        var passes = 0
        var renewedFence: RenewedFence?
        var obstacle: Obstacle?
        var waiting: [(since: ContinuousClock.Instant, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    /// The lease under which this term is led, with its exact text.
    package let lease: Lease
    private let state: Mutex<State>
    private let tell: @Sendable (News) -> Void

    package var epoch: Epoch { lease.epoch }
    package var token: Token { lease.token }

    /// A term that lives until the deadline, unless prolonged or ended before.
    package convenience init(lease: Lease, deadline: ContinuousClock.Instant) {
        self.init(lease: lease, deadline: deadline) { _ in }
    }

    init(lease: Lease, deadline: ContinuousClock.Instant, tell: @escaping @Sendable (News) -> Void) {
        self.lease = lease
        self.tell = tell
        state = Mutex(State(deadline: deadline))
    }

    // MARK: Is it alive

    /// Whether the term lives at this instant. Looks at the clock itself, so that it ends even if nothing else runs any
    /// more.
    package func isLive(at instant: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { $0.end == nil && instant < $0.deadline }
    }

    /// How long the term will live unless prolonged; zero once it is over.
    package func remaining(at instant: ContinuousClock.Instant = .now) -> Duration {
        state.withLock { $0.end == nil ? max(.zero, $0.deadline - instant) : .zero }
    }

    /// Why the term ended; nil while it lives, and for a moment after the deadline.
    package var endReason: EndReason? { state.withLock { $0.end } }

    /// What the last renewal found; nil before the first.
    package var renewedFence: RenewedFence? { state.withLock { $0.renewedFence } }

    // MARK: Telling and asking

    /// A target refused a write: the lease is asked about at once, and only if it is not ours any more does the term
    /// end.
    package func writeRefused() { say(.writeRefused) }

    /// Nothing more will be sent to any target.
    package func stoppedSending() { say(.stoppedSending) }

    /// An epoch was met at a target: no later term of this replica will be below it.
    package func observed(_ epoch: Epoch) { say(.observed(epoch)) }

    /// Whether the work gets anywhere; it says so again and again.
    ///
    /// - Parameter obstacle: nil: it does.
    func obstructed(by obstacle: Obstacle?) {
        let isNews = state.withLock { state in
            defer { state.obstacle = obstacle }
            return state.obstacle?.missing != obstacle?.missing
        }
        if isNews { say(.obstacleChanged) }
    }

    /// What keeps the work from getting anywhere; nil if nothing does.
    var obstacle: Obstacle? { state.withLock { $0.obstacle } }

    /// Asks about the lease now.
    ///
    /// - Returns: true as soon as a renewal that was sent after this call has succeeded, false if the term ends before.
    package func confirmed() async -> Bool {
        let since = ContinuousClock.now
        return await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                guard state.end == nil else { return true }
                state.waiting.append((since, continuation))
                return false
            }
            if isOver { continuation.resume(returning: false) } else { say(.writeRefused) }
        }
    }

    private func say(_ news: News) {
        if !isAbandoned { tell(news) }
    }

    // MARK: Pausing

    /// Waits until no pause is requested, and notes that a pass goes on; each is to be followed by ``passEnded()``.
    ///
    /// - Returns: false if the term ended, or the task was cancelled, before a pass could begin.
    package func beginPass() async -> Bool {
        while !Task.isCancelled {
            let now = ContinuousClock.now
            let wait: Duration? = state.withLock { state in
                if state.end != nil || now >= state.deadline { return .zero }
                if let end = state.pausedUntil, now < end { return min(end - now, Self.pauseCheck) }
                state.passes += 1
                return nil
            }
            guard let wait else { return true }
            guard wait > .zero else { return false }
            try? await Task.sleep(for: wait)
        }
        return false
    }

    /// A pass has ended, however it did.
    package func passEnded() { state.withLock { $0.passes -= 1 } }

    /// How a request to pause is being met.
    package func pauseState(at instant: ContinuousClock.Instant = .now) -> ReplicaInfo.Pause {
        state.withLock { state in
            guard let end = state.pausedUntil, instant < end else { return .none }
            return state.passes == 0 ? .paused : .pausing
        }
    }

    /// How soon the work goes on after a pause was taken back.
    private static let pauseCheck = Duration.milliseconds(100)

    /// - Parameter end: nil: no pause is requested.
    func pause(until end: ContinuousClock.Instant?) { state.withLock { $0.pausedUntil = end } }

    // MARK: For the election

    package func prolong(until deadline: ContinuousClock.Instant, renewedFence: RenewedFence) {
        let confirmed = state.withLock { state in
            guard state.end == nil else { return [CheckedContinuation<Bool, Never>]() }
            state.deadline = max(state.deadline, deadline)
            state.renewedFence = renewedFence
            let confirmed = state.waiting.filter { $0.since <= renewedFence.askedAt }.map(\.continuation)
            state.waiting.removeAll { $0.since <= renewedFence.askedAt }
            return confirmed
        }
        for continuation in confirmed { continuation.resume(returning: true) }
    }

    func end(_ reason: EndReason) {
        let waiting = state.withLock { state in
            state.end = state.end ?? reason
            defer { state.waiting = [] }
            return state.waiting
        }
        for (_, continuation) in waiting { continuation.resume(returning: false) }
    }

    /// Ends the term if its deadline has passed.
    ///
    /// - Returns: whether it lived until now.
    func expire(at instant: ContinuousClock.Instant) -> Bool {
        let waiting = state.withLock { state in
            guard state.end == nil, instant >= state.deadline else {
                return nil as [(since: ContinuousClock.Instant, continuation: CheckedContinuation<Bool, Never>)]?
            }
            state.end = .deadline
            defer { state.waiting = [] }
            return state.waiting
        }
        for (_, continuation) in waiting ?? [] { continuation.resume(returning: false) }
        return waiting != nil
    }

    /// Nobody waits for the work any more, and nobody wants to hear of it: the election itself may be gone.
    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    func abandon() { state.withLock { $0.isAbandoned = true } }

    /// Returns when the deadline has passed without being moved, or the term has ended, or the task is cancelled.
    func untilOver() async {
        while !Task.isCancelled {
            let left = remaining()
            guard left > .zero else { return }
            try? await Task.sleep(for: left, clock: .continuous)
        }
    }
}

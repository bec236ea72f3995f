internal import LeaderElection
internal import Synchronization

/// How long one term lives: until its deadline, which renewals move, or until somebody ends it. Whoever asks looks at
/// the clock, so that a term ends even if nothing else runs any more.
final class TermLife: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        var deadline: Instant
        var end: EndReason?
    }

    private let state: Mutex<State>

    init(deadline: Instant) { state = Mutex(State(deadline: deadline)) }

    func isLive(at instant: Instant = .now) -> Bool {
        state.withLock { $0.end == nil && instant < $0.deadline }
    }

    /// How long it lasts unless prolonged; zero once it is over.
    func remaining(at instant: Instant = .now) -> Duration {
        state.withLock { $0.end == nil ? max(.zero, $0.deadline - instant) : .zero }
    }

    /// Why it ended; nil while it lasts, and for a moment after the deadline.
    var endReason: EndReason? { state.withLock { $0.end } }

    /// Moves the deadline, never back. What has ended stays so.
    func prolong(until deadline: Instant) {
        state.withLock { if $0.end == nil { $0.deadline = max($0.deadline, deadline) } }
    }

    /// Ends it, unless it has ended before.
    func end(_ reason: EndReason) { state.withLock { $0.end = $0.end ?? reason } }

    /// Ends it if its deadline has passed.
    ///
    /// - Returns: whether it lasted until now.
    func expire(at instant: Instant) -> Bool {
        state.withLock { state in
            guard state.end == nil, instant >= state.deadline else { return false }
            state.end = .deadline
            return true
        }
    }

    /// Returns when the deadline has passed without being moved, or the life has ended, or the task is cancelled.
    func untilOver() async {
        while !Task.isCancelled {
            let left = remaining()
            guard left > .zero else { return }
            try? await Task.sleep(for: left, clock: .continuous)
        }
    }
}

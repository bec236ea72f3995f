internal import Synchronization

/// The renewals of one term's lease, each of which is told to those who want to hear of it.
final class TermRenewals: Sendable {
    typealias Renewal = LeadershipTerm.Renewal

    private struct Waiting {
        let since: ContinuousClock.Instant
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var isOver = false
        var listeners: [@Sendable (Renewal) -> Void] = []
        var waiting: [Waiting] = []
    }

    private let state = Mutex(State())

    /// Calls `listener` with each renewal from now on.
    func listen(_ listener: @escaping @Sendable (Renewal) -> Void) {
        state.withLock { if !$0.isOver { $0.listeners.append(listener) } }
    }

    /// Waits for a renewal that is sent after this call.
    ///
    /// - Parameter ask: called once such a renewal would be noticed.
    /// - Returns: true when it has succeeded, false if there will be none.
    func next(_ ask: () -> Void) async -> Bool {
        let since = ContinuousClock.now
        return await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiting.append(Waiting(since: since, continuation: continuation)) }
                return state.isOver
            }
            if isOver { continuation.resume(returning: false) } else { ask() }
        }
    }

    /// A renewal has succeeded.
    func tell(_ renewal: Renewal) {
        let (listeners, confirmed) = state.withLock { state in
            let confirmed = state.waiting.filter { $0.since <= renewal.askedAt }
            state.waiting.removeAll { $0.since <= renewal.askedAt }
            return (state.listeners, confirmed)
        }
        for waiting in confirmed { waiting.continuation.resume(returning: true) }
        for listener in listeners { listener(renewal) }
    }

    /// Ends the waiting: there will be no other renewal.
    func end() {
        let waiting = state.withLock { state in
            let waiting = state.waiting
            state = State(isOver: true)
            return waiting
        }
        for waiting in waiting { waiting.continuation.resume(returning: false) }
    }
}

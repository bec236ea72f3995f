internal import GroupState
internal import Synchronization

/// The passes of one term, of which none begins while an operator's pause lasts.
final class TermPasses: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct State {
        /// The end of a pause, before which no pass begins; nil if there is none.
        var pausedUntil: Instant?
        /// How many passes go on.
        var underWay = 0
    }

    /// How soon the work goes on after a pause was taken back.
    private static let check = Duration.milliseconds(100)

    private let state = Mutex(State())

    /// Waits until there is no pause, and counts a pass that goes on from now.
    ///
    /// - Returns: false if the life ended, or the task was cancelled, before a pass could begin.
    func begin(within life: TermLife) async -> Bool {
        while !Task.isCancelled {
            let now = Instant.now
            guard life.isLive(at: now) else { return false }
            guard let wait = begin(at: now) else { return true }
            try? await Task.sleep(for: min(wait, Self.check))
        }
        return false
    }

    /// - Returns: how much longer the pause lasts; nil if a pass has begun.
    private func begin(at now: Instant) -> Duration? {
        state.withLock { state in
            if let end = state.pausedUntil, now < end { return end - now }
            state.underWay += 1
            return nil
        }
    }

    /// A pass has ended, however it did.
    func ended() { state.withLock { $0.underWay -= 1 } }

    /// - Parameter end: nil: there is no pause.
    func pause(until end: Instant?) { state.withLock { $0.pausedUntil = end } }

    /// How far a pause has got.
    func pauseState(at instant: Instant) -> ReplicaInfo.Pause {
        state.withLock { state in
            guard let end = state.pausedUntil, instant < end else { return .none }
            return state.underWay == 0 ? .paused : .pausing
        }
    }
}

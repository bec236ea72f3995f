internal import Synchronization

/// A signal that a dataset is to be refreshed now and not at its next tick. Several that come before anybody waits count
/// as one.
package final class WakeUp: Sendable {
    private enum State {
        /// Nobody waits, and nothing was signalled. To `signalled` or `waiting`.
        case idle
        /// The next wait ends at once. To `idle`.
        case signalled
        /// A task waits. To `signalled`, or to `idle` when the wait is over without a signal.
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)

    package init() {}

    package func signal() {
        let waiting = state.withLock { state in
            let waiting = Self.waiting(state)
            state = .signalled
            return waiting
        }
        waiting?.resume()
    }

    /// Waits for a signal, until the time is over or the task is cancelled. Only one task waits at a time.
    ///
    /// - Returns: whether there was a signal.
    @discardableResult
    package func wait(atMost limit: Duration) async -> Bool {
        if take() { return true }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: limit) }
            group.addTask { await self.untilSignalled() }
            await group.next()
            group.cancelAll()
        }
        return take()
    }

    private static func waiting(_ state: State) -> CheckedContinuation<Void, Never>? {
        if case .waiting(let continuation) = state { continuation } else { nil }
    }

    private func take() -> Bool {
        state.withLock { state in
            guard case .signalled = state else { return false }
            state = .idle
            return true
        }
    }

    private func untilSignalled() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    // A cancellation that came before this finds nobody to end.
                    guard case .idle = state, !Task.isCancelled else { return true }
                    state = .waiting(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                let waiting = Self.waiting(state)
                if waiting != nil { state = .idle }
                return waiting
            }
            waiting?.resume()
        }
    }
}

internal import Synchronization

/// Hands one outcome from a thread to a waiting task; the first outcome wins, later ones are turned away.
final class Handover<Value: Sendable>: Sendable {
    typealias Outcome = Result<Value, PostgresError>

    private enum State {
        /// Nothing has come. Exits: waited for, arrived.
        case empty
        /// A task waits. Exit: settled.
        case awaited(CheckedContinuation<Outcome, Never>)
        /// An outcome came before the task did. Exit: settled.
        case arrived(Outcome)
        /// The task has its outcome. No exit.
        case settled
    }

    private let state = Mutex(State.empty)

    /// Offers an outcome; `false` if another one came first and this one is not wanted any more.
    @discardableResult
    func finish(_ outcome: Outcome) -> Bool {
        let (accepted, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Outcome, Never>?) in
            switch state {
            case .empty:
                state = .arrived(outcome)
                return (true, nil)
            case .awaited(let waiter):
                state = .settled
                return (true, waiter)
            case .arrived, .settled:
                return (false, nil)
            }
        }
        waiter?.resume(returning: outcome)
        return accepted
    }

    /// Waits for the first outcome; may be called once. It ends only by ``finish(_:)``.
    func outcome() async -> Outcome {
        await withCheckedContinuation { continuation in
            let early = state.withLock { state -> Outcome? in
                switch state {
                case .empty:
                    state = .awaited(continuation)
                    return nil
                case .arrived(let outcome):
                    state = .settled
                    return outcome
                case .awaited, .settled:
                    preconditionFailure("a handover is waited for once")
                }
            }
            if let early { continuation.resume(returning: early) }
        }
    }
}

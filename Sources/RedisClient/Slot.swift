internal import Synchronization

/// A place for one result that comes later, for any number of tasks to wait at. It can be filled once; a task that is
/// cancelled stops waiting at once and leaves the slot as it is.
final class Slot<Value: Sendable>: Sendable {
    typealias Filling = Result<Value, RedisError>

    private struct Waiting {
        let id: Int
        let continuation: CheckedContinuation<Filling, Never>
    }

    private enum State {
        case empty(waiting: [Waiting], nextID: Int)
        case filled(Filling)
    }

    private enum Arrival {
        case filled(Filling)
        case mustWait(id: Int)
    }

    private let state = Mutex(State.empty(waiting: [], nextID: 0))

    /// Puts the result in and wakes everybody.
    ///
    /// - Returns: whether it was the first.
    @discardableResult
    func fill(_ filling: Filling) -> Bool {
        let waiting: [Waiting]? = self.state.withLock { state in
            switch state {
            case .empty(let waiting, _):
                state = .filled(filling)
                return waiting
            case .filled:
                return nil
            }
        }
        guard let waiting else { return false }
        for waiter in waiting { waiter.continuation.resume(returning: filling) }
        return true
    }

    /// Whether there is a result.
    var isFilled: Bool {
        self.state.withLock { state in
            switch state {
            case .empty: false
            case .filled: true
            }
        }
    }

    /// The result, as soon as there is one; ``RedisError/cancelledWhileWaiting`` if the task is cancelled before.
    func value() async -> Filling {
        switch self.arrive() {
        case .filled(let filling):
            return filling
        case .mustWait(let id):
            return await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    if let filling = self.wait(Waiting(id: id, continuation: continuation)) {
                        continuation.resume(returning: filling)
                    } else if Task.isCancelled {
                        // The handler below may have run before there was anything to find.
                        self.giveUp(id)
                    }
                }
            } onCancel: {
                self.giveUp(id)
            }
        }
    }

    private func arrive() -> Arrival {
        self.state.withLock { state in
            switch state {
            case .empty(let waiting, let id):
                state = .empty(waiting: waiting, nextID: id + 1)
                return .mustWait(id: id)
            case .filled(let filling):
                return .filled(filling)
            }
        }
    }

    private func wait(_ waiter: Waiting) -> Filling? {
        self.state.withLock { state in
            switch state {
            case .empty(var waiting, let nextID):
                waiting.append(waiter)
                state = .empty(waiting: waiting, nextID: nextID)
                return nil
            case .filled(let filling):
                return filling
            }
        }
    }

    private func giveUp(_ id: Int) {
        let waiter: Waiting? = self.state.withLock { state in
            switch state {
            case .empty(var waiting, let nextID):
                guard let index = waiting.firstIndex(where: { $0.id == id }) else { return nil }
                let waiter = waiting.remove(at: index)
                state = .empty(waiting: waiting, nextID: nextID)
                return waiter
            case .filled:
                return nil
            }
        }
        waiter?.continuation.resume(returning: .failure(.cancelledWhileWaiting))
    }
}

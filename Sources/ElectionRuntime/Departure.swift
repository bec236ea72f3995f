internal import NIOCore

/// The end of a replica's part in the election: what it waits for before it leaves.
final class Departure {
    private let drain: Duration
    private let eventLoop: any EventLoop
    /// Whether the elector has stopped, so that only the work is waited for.
    private(set) var hasStopped = false
    /// The timer for leaving without the work; set at shutdown.
    private var patience: Scheduled<Void>?
    private var errand: Task<Void, Never>?
    private var hasLeft = false
    private var leaving: CheckedContinuation<Void, Never>?

    /// - Parameter drain: how long after a shutdown the end of the work is waited for.
    init(drain: Duration, eventLoop: any EventLoop) {
        self.drain = drain
        self.eventLoop = eventLoop
    }

    /// Begins to count the drain time.
    ///
    /// - Parameter lost: called when it is over, on the event loop.
    /// - Returns: false if it is being counted already.
    func begin(patienceLost lost: @escaping @Sendable () -> Void) -> Bool {
        guard patience == nil else { return false }
        patience = eventLoop.scheduleTask(in: TimeAmount(drain)) { lost() }
        return true
    }

    /// The elector has stopped.
    func stopped() { hasStopped = true }

    /// Something is under way that has to end before.
    func wait(for errand: Task<Void, Never>) { self.errand = errand }

    /// Returns after ``leave()``, when nothing is left to wait for.
    func untilLeft(isolation: isolated (any Actor) = #isolation) async {
        if !hasLeft { await withCheckedContinuation { leaving = $0 } }
        patience?.cancel()
        await errand?.value
    }

    /// Lets ``untilLeft(isolation:)`` return: nothing works any more, or it is left behind.
    func leave() {
        hasLeft = true
        leaving?.resume()
        leaving = nil
    }
}

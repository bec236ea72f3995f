internal import LeaderElection
internal import NIOCore

/// Looks again and again whether the leader's process is there: its connections are gone within milliseconds when it is
/// killed, long before its lease runs out.
struct LeaderWatch: Sendable {
    /// From one look to the next.
    static let interval = Duration.milliseconds(50)
    /// For how long a leader's channel must have nobody who listens before the lease is taken over. A leader that lives
    /// and lost its subscription has this long to say so.
    static let grace = Duration.milliseconds(30)

    let store: LeaseStore
    /// The one that the store's answers come on. Its timer costs much less than `Task.sleep`, which wakes two more
    /// threads.
    let eventLoop: any EventLoop

    /// Returns when the leader of this term seems to be gone, or the task is cancelled.
    func untilSilent(_ leader: Token) async {
        while !Task.isCancelled {
            try? await eventLoop.scheduleTask(in: TimeAmount(Self.interval)) {}.futureResult.get()
            guard !Task.isCancelled else { return }
            // What can't be asked now may be asked later; that the lease can't be asked about shows elsewhere.
            if let isHeard = try? await store.isHeard(leader), !isHeard { return }
        }
    }
}

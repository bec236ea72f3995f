internal import LeaderElection
internal import NIOCore

/// The watch over the process of a leader that is followed: its connections are gone within milliseconds when it is
/// killed, long before its lease runs out.
final class LeaderWatch {
    /// The time from one look to the next.
    static let interval = Duration.milliseconds(50)
    /// How long a leader's channel has to be without a listener before the lease is taken over. A leader that lives and
    /// lost its subscription has this long to say so.
    static let grace = Duration.milliseconds(30)

    private let store: LeaseStore
    /// The one that the store's answers come on. The watch runs there.
    private let eventLoop: any EventLoop
    private var leader: Token?
    private var watching: Task<Void, Never>?

    init(store: LeaseStore, eventLoop: any EventLoop) {
        self.store = store
        self.eventLoop = eventLoop
    }

    /// Watches the leader of this term, and none that was watched before.
    ///
    /// - Parameter silent: called, now and again, while the leader seems to be gone.
    func watch(_ leader: Token, silent: @escaping @Sendable () async -> Void) {
        guard self.leader != leader else { return }
        stop()
        self.leader = leader
        guard store.detectsCrashes else { return }
        let (store, eventLoop) = (store, eventLoop)
        let looks: @Sendable () async -> Void = {
            while !Task.isCancelled {
                await Self.untilSilent(leader, store, eventLoop)
                guard !Task.isCancelled else { return }
                await silent()
                try? await Task.sleep(for: store.timing.renewEvery)
            }
        }
        watching = Task(executorPreference: LoopExecutor(eventLoop: eventLoop), operation: looks)
    }

    /// Watches nobody any more.
    func stop() {
        watching?.cancel()
        leader = nil
    }

    /// Stops, and returns when nothing is asked any more.
    func close() async {
        stop()
        await watching?.value
    }

    /// Returns when the leader of this term seems to be gone, or the task is cancelled.
    private static func untilSilent(_ leader: Token, _ store: LeaseStore, _ eventLoop: any EventLoop) async {
        while !Task.isCancelled {
            try? await eventLoop.scheduleTask(in: TimeAmount(interval)) {}.futureResult.get()
            guard !Task.isCancelled else { return }
            // What can't be asked now may be asked later; that the lease can't be asked about shows elsewhere.
            if let isHeard = try? await store.isHeard(leader), !isHeard { return }
        }
    }
}

/// Runs tasks on an event loop. In the task pool a look would cost several times as much: each answer, and each end of a
/// pause, wakes a thread there, which wakes the loop for the next step.
private final class LoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

package import CoreMetrics
package import GroupState
package import LeaderElection
package import Logging
package import NIOCore
internal import ServiceLifecycle
internal import Synchronization
internal import Telemetry

/// Takes part in the election of a group and lets the elected leader work.
///
/// Graceful shutdown, or cancelling the task that runs it: the term's work is cancelled, the lease resigned as soon as
/// the work has stopped sending, and ``run()`` returns when the work has ended, or after the drain time if it does not.
package final class ElectionService: Service {
    private let driver: ElectionDriver
    private let board: StatusBoard

    /// - Parameters:
    ///   - group: the group's name, for logs.
    ///   - store: the lease. The service closes it.
    ///   - replicaInfo: what this replica says of itself.
    ///   - incapacity: when a leader that can't work gives its lease up.
    ///   - drain: how long after a shutdown the end of the work is waited for.
    ///   - eventLoop: the one that the store was given.
    ///   - metrics: where terms and renewals are counted.
    ///   - termBegan: is given each term, on the event loop; must not block.
    package init(
        group: String, store: LeaseStore, replicaInfo: ReplicaInfo, work: any TermWork,
        incapacity: Incapacity = .standard, drain: Duration, eventLoop: any EventLoop, logger: Logger,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        termBegan: @escaping @Sendable (LeadershipTerm) -> Void = { _ in }
    ) {
        let board = StatusBoard()
        self.board = board
        driver = ElectionDriver(
            store: store, replicaInfo: replicaInfo, work: work, incapacity: incapacity, drain: drain,
            log: ElectionLog(logger, group: group, holder: store.holder, instruments: Instruments(metrics)),
            eventLoop: eventLoop, show: { board.show($0) }, termBegan: termBegan)
    }

    /// Where this replica stands now.
    package var status: ElectionStatus { board.status }

    /// The present status, then each new one; those in between are left out if they come faster than they are read.
    /// Ends with ``run()``.
    package func statuses() -> AsyncStream<ElectionStatus> { board.watch() }

    /// Competes, leads and follows until shut down. Never throws: whatever goes wrong, it asks again.
    package func run() async {
        await withTaskCancellationOrGracefulShutdownHandler {
            await driver.run()
        } onCancelOrGracefulShutdown: { [driver] in
            Task { await driver.shutDown() }
        }
        board.close()
    }
}

/// The last status, and those who watch for the next.
private final class StatusBoard: Sendable {
    private struct State {
        var status = ElectionStatus(state: .follower)
        var watchers: [Int: AsyncStream<ElectionStatus>.Continuation] = [:]
        var nextWatcher = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    var status: ElectionStatus { state.withLock { $0.status } }

    func show(_ status: ElectionStatus) {
        let watchers = state.withLock { state in
            state.status = status
            return state.watchers.values.map { $0 }
        }
        for watcher in watchers { watcher.yield(status) }
    }

    func watch() -> AsyncStream<ElectionStatus> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ElectionStatus.self, bufferingPolicy: .bufferingNewest(1))
        let (status, number) = state.withLock { state in
            state.nextWatcher += 1
            if !state.isClosed { state.watchers[state.nextWatcher] = continuation }
            return (state.status, state.isClosed ? nil : state.nextWatcher)
        }
        continuation.yield(status)
        guard let number else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in _ = state.watchers.removeValue(forKey: number) }
        }
        return stream
    }

    func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            defer { state.watchers = [:] }
            return state.watchers.values.map { $0 }
        }
        for watcher in watchers { watcher.finish() }
    }
}

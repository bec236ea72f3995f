package import CoreMetrics
package import ElectionRuntime
package import LeaderElection
package import NIOCore
internal import NIOPosix
internal import Synchronization
package import Testing

/// Work that can be told how to behave, and that tells what happened to it.
package final class RecordingWork: TermWork {
    package struct Manners {
        /// Does not end when cancelled, but when released.
        package var hangs = false
        package var returnsAtOnce = false
    }

    private struct State {
        package var manners = Manners()
        package var elected: [LeadershipTerm] = []
        package var renewals: [LeadershipTerm.Renewal] = []
        package var electedAt = ContinuousClock.now
        package var ended: [Token] = []
        package var isReleased = false
    }

    private let state = Mutex(State())

    package init(_ manners: Manners) { state.withLock { $0.manners = manners } }

    package var elected: [LeadershipTerm] { state.withLock { $0.elected } }
    /// What renewals found, of all terms.
    package var renewals: [LeadershipTerm.Renewal] { state.withLock { $0.renewals } }
    package var electedAt: ContinuousClock.Instant { state.withLock { $0.electedAt } }
    package var ended: [Token] { state.withLock { $0.ended } }

    /// Lets hanging work end, now and in later terms.
    package func release() { state.withLock { $0.isReleased = true } }

    package func lead(_ term: LeadershipTerm) async {
        term.onRenewal { [self] renewal in state.withLock { $0.renewals.append(renewal) } }
        let manners = state.withLock { state in
            state.elected.append(term)
            state.electedAt = .now
            return state.manners
        }
        while !manners.returnsAtOnce {
            if Task.isCancelled, !manners.hangs || state.withLock({ $0.isReleased }) { break }
            // Cancelled sleeps return at once: hanging work sleeps where cancellation does not reach.
            if manners.hangs {
                await Task { try? await Task.sleep(for: .milliseconds(5)) }.value
            } else {
                try? await Task.sleep(for: .seconds(60))
            }
        }
        state.withLock { $0.ended.append(term.token) }
    }
}

/// A whole replica in this process.
package struct ElectionReplica {
    package let service: ElectionService
    package let work: RecordingWork
    package let eventLoop: any EventLoop
    private let task: Task<Void, Never>
    private let group: MultiThreadedEventLoopGroup

    package init(
        _ name: String, _ bench: ElectionBench, url: String? = nil, version: String = "1.0.0",
        detectsCrashes: Bool = true,
        drain: Duration = .seconds(4), watchdog: Watchdog? = nil,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        _ manners: (inout RecordingWork.Manners) -> Void = { _ in }
    ) throws {
        var wanted = RecordingWork.Manners()
        manners(&wanted)
        let work = RecordingWork(wanted)
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        eventLoop = group.next()
        let service = ElectionService(
            group: "test", store: try bench.store(name, url: url, detectsCrashes: detectsCrashes, eventLoop: eventLoop),
            replicaInfo: bench.replicaInfo(name, version: version), work: work, drain: drain, eventLoop: eventLoop,
            logger: ElectionBench.logger(name), metrics: metrics, termBegan: { watchdog?.watch($0) })
        self.work = work
        self.service = service
        task = Task { await service.run() }
    }

    /// The newest term, as soon as it is another than the given one.
    package func elected(
        after term: LeadershipTerm? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> LeadershipTerm {
        try await eventually("a term begins", sourceLocation: sourceLocation) {
            work.elected.last.map { $0 !== term } ?? false
        }
        return try #require(work.elected.last)
    }

    package func shutDown() { task.cancel() }

    package func finished() async {
        await task.value
        try? await group.shutdownGracefully()
    }

    package func close() async {
        shutDown()
        await finished()
    }
}

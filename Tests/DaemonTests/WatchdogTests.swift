import Dispatch
import LeaderElection
import LocalStack
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import ElectionRuntime

@Suite("The watchdog", .timeLimit(.minutes(5)))
struct WatchdogTests {
    private let origin = ContinuousClock.now

    // MARK: Terms, by a clock that stands still

    @Test("ends the term at its deadline, and lets go who waits for its confirmation")
    func deadline() async throws {
        let watchdog = Watchdog([], logger: ElectionBench.logger("watchdog"), at: origin)
        let term = Self.term(until: origin + .seconds(600))
        watchdog.watch(term)
        let confirmation = Task { await term.confirmed() }
        watchdog.tick(at: origin + .milliseconds(599_999))
        #expect(term.endReason == nil)
        watchdog.tick(at: origin + .seconds(600))
        #expect(term.endReason == .deadline)
        #expect(await confirmation.value == false)
    }

    @Test("leaves a term alone that is prolonged, and one that has ended otherwise")
    func prolonged() {
        let watchdog = Watchdog([], logger: ElectionBench.logger("watchdog"), at: origin)
        let term = Self.term(until: origin + .seconds(1))
        watchdog.watch(term)
        term.prolong(until: origin + .seconds(2))
        watchdog.tick(at: origin + .seconds(1))
        #expect(term.endReason == nil)
        term.end(.shutdown)
        watchdog.tick(at: origin + .seconds(2))
        #expect(term.endReason == .shutdown)
    }

    // MARK: An event loop that hangs, with a real lease

    @Test("ends the term though the lease's event loop hangs")
    func stuckEventLoop() async throws {
        let watchdog = Watchdog([], logger: ElectionBench.logger("watchdog"))
        watchdog.start()
        try await withStuckLeader(watchedBy: watchdog) { term in
            let confirmation = Task { await term.confirmed() }
            try await eventually("the term is over") { term.endReason == .deadline }
            #expect(await confirmation.value == false)
        }
        await watchdog.stop()
    }

    @Test("is needed: without it nobody says that the term has ended until the event loop goes on")
    func guardOfTheGuard() async throws {
        try await withStuckLeader(watchedBy: nil) { term in
            try await eventually("the deadline has passed") { !term.isLive() }
            let quiet = ContinuousClock.now + Watchdog.period * 10
            try await eventually("it would long have looked") { ContinuousClock.now > quiet }
            #expect(term.endReason == nil)
        }
    }

    /// Runs `body` while a leader's event loop hangs.
    private func withStuckLeader(
        watchedBy watchdog: Watchdog?, _ body: (LeadershipTerm) async throws -> Void
    ) async throws {
        try await LocalRedis.withServer { redis in
            let bench = try await ElectionBench(on: redis, timing: ElectionBench.haste)
            let replica = try ElectionReplica("pod-1", bench, watchdog: watchdog)
            let term = try await replica.elected()
            let gate = DispatchSemaphore(value: 0)
            replica.eventLoop.execute { gate.wait() }
            do {
                try await body(term)
            } catch {
                gate.signal()
                throw error
            }
            gate.signal()
            try await eventually("the election has noticed") { term.endReason == .deadline }
            await replica.close()
        }
    }

    // MARK: Everything hangs, in a process of its own

    @Test("ends the term though no task runs any more, and liveness says what hangs, until it goes on")
    func starvedPool() async {
        await #expect(processExitsWith: .success) {
            try await Starvation.suffer(isWatched: true) { starvation in
                starvation.wait("the term is over") { starvation.term.endReason == .deadline }
                starvation.wait("liveness names what hangs") {
                    let answer = ProbeClient.get("/healthz", at: starvation.address)
                    return answer.status == 503
                        && answer.body.filter { !$0.isWhitespace }.contains(#""hanging":["leaseLoop","taskPool"]"#)
                }
                starvation.relieve()
                starvation.wait("liveness recovers") {
                    let answer = ProbeClient.get("/healthz", at: starvation.address)
                    return answer.status == 200 && answer.body.contains(#""hanging": []"#)
                }
            }
        }
    }

    @Test("is needed: without it the term is not ended while no task runs")
    func starvedPoolUnwatched() async {
        await #expect(processExitsWith: .success) {
            try await Starvation.suffer(isWatched: false) { starvation in
                starvation.wait("the deadline has passed") { !starvation.term.isLive() }
                let quiet = ContinuousClock.now + Watchdog.period * 10
                starvation.wait("it would long have looked") { ContinuousClock.now > quiet }
                starvation.require("nobody ended the term", starvation.term.endReason == nil)
            }
        }
    }

    // MARK: The thread

    @Test("asks each loop, and does not ask after it was stopped")
    func stops() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let watchdog = Watchdog(
            [.eventLoop("loop", loops.next()), .taskPool], logger: ElectionBench.logger("watchdog"))
        watchdog.start()
        let begin = ContinuousClock.now
        try await eventually("both have answered") {
            let now = ContinuousClock.now
            return watchdog.report(at: now).ages.prefix(2).allSatisfy { now - $0.age > begin }
        }
        await watchdog.stop()
        let stoppedAt = ContinuousClock.now
        await watchdog.stop()
        #expect(watchdog.report(at: stoppedAt + .seconds(11)).hanging.contains("watchdog"))
        // Asking a loop that is gone would be complained about.
        try await loops.shutdownGracefully()
    }

    @Test("can be stopped before it has started")
    func stoppedEarly() async { await Watchdog([], logger: ElectionBench.logger("watchdog")).stop() }

    static func term(until deadline: ContinuousClock.Instant) -> LeadershipTerm {
        let lease = Lease(
            text: "lease", epoch: .zero, token: Token("token")!, holder: "pod-1", sinceMilliseconds: 0)
        return LeadershipTerm(lease: lease, deadline: deadline)
    }
}

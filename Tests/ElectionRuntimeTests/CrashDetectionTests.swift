import Glibc
import LeaderElection
import LocalStack
import NIOCore
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState

/// A leader is succeeded as soon as its process is gone, and never because only its subscription is.
@Suite struct CrashDetectionTests {
    /// Takes the lease for a term that began long enough ago not to be left alone.
    private func oldLease(_ bench: ElectionBench, token: String = "theirs") async throws {
        let now = (try await bench.send("TIME").array?.first?.int ?? 0) * 1000
        let text =
            #"{"format":1,"epoch":"500","token":"\#(token)","holder":"pod-9","since":"\#(now - 3_600_000)","#
            + #""deployment":"\#(ElectionBench.deployment)"}"#
        try await bench.send("SET", bench.keys.lease, text, "PX", "60000")
    }

    private func acquire(_ bench: ElectionBench, suspect: String?) async throws -> AcquireAnswer {
        try await bench.store("pod-1").acquire(
            .random(), floor: .zero, suspect: suspect.flatMap { Token($0) }, isHeard: true
        ).answer
    }

    @Test func aSilentLeaderIsSucceededAfterTheGrace() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await oldLease(bench)
        guard case .suspected(_, let grace) = try await acquire(bench, suspect: "theirs") else {
            Issue.record("taken over without a grace")
            return
        }
        #expect(grace > .zero && grace <= LeaderWatch.grace)
        try await Task.sleep(for: LeaderWatch.grace)
        let lease = try await acquire(bench, suspect: "theirs").granted()
        #expect(lease.epoch.number > 500)
        #expect(try await bench.leaseText() == lease.text)
        #expect(try await bench.fence()[1] == "\(lease.token)")
        #expect(try await bench.history() == ["elected leader-silent"])
        #expect(try await bench.send("EXISTS", bench.keys.suspect).int == 0)
    }

    @Test func nobodyIsSucceededWithoutBeingSuspected() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await oldLease(bench)
        for suspect in [nil, "somebody-else"] {
            guard case .taken = try await acquire(bench, suspect: suspect) else {
                Issue.record("the lease was given away")
                return
            }
        }
        #expect(try await bench.send("EXISTS", bench.keys.suspect).int == 0)
    }

    @Test func aLeaderThatIsHeardIsLeftAlone() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await oldLease(bench)
        let store = try bench.store("pod-9")
        let subscription = store.listen(as: Token("theirs")!)
        for await case .subscribed in subscription { break }
        for _ in 0..<3 {
            guard case .taken = try await acquire(bench, suspect: "theirs") else {
                Issue.record("a leader that is heard was succeeded")
                return
            }
            try await Task.sleep(for: LeaderWatch.grace)
        }
        await subscription.close()
        await store.close()
    }

    /// The mark that a renewal leaves.
    @Test func aLeaderThatSaysThatItLivesIsLeftAlone() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await oldLease(bench)
        _ = try await acquire(bench, suspect: "theirs")
        let lease = Lease(
            text: try #require(try await bench.leaseText()), epoch: Epoch(500)!, token: Token("theirs")!,
            holder: "pod-9", sinceMilliseconds: 0)
        #expect(try await bench.store("pod-9").renew(lease, isHeard: false).answer == .renewed)
        try await Task.sleep(for: LeaderWatch.grace * 2)
        guard case .taken = try await acquire(bench, suspect: "theirs") else {
            Issue.record("a leader that lives was succeeded")
            return
        }
        // Heard again, it can be suspected again.
        #expect(try await bench.store("pod-9").renew(lease, isHeard: true).answer == .renewed)
        guard case .suspected = try await acquire(bench, suspect: "theirs") else {
            Issue.record("not suspected though it is silent")
            return
        }
    }

    @Test func aYoungTermIsLeftAlone() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let lease = try await bench.store("pod-9").acquire(.random(), floor: .zero, isHeard: true).answer.granted()
        guard case .suspected(_, let wait) = try await acquire(bench, suspect: "\(lease.token)") else {
            Issue.record("a young term was ended")
            return
        }
        #expect(wait > .seconds(30), "the test's TTL is a minute")
    }

    /// Whoever switches it off is never succeeded before its TTL.
    @Test func aLeaderCanAskToBeLeftAlone() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store("pod-9", detectsCrashes: false)
        let lease = try await store.acquire(.random(), floor: .zero, isHeard: true).answer.granted()
        #expect(try await bench.send("GET", bench.keys.suspect).string == "\(lease.token) alive")
        #expect(try await store.renew(lease, isHeard: true).answer == .renewed)
        #expect(try await bench.send("GET", bench.keys.suspect).string == "\(lease.token) alive")
    }

    /// A Redis that restarts drops all subscriptions at once; then also our own connection is young.
    @Test func nothingIsConcludedFromAYoungConnection() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        #expect(try await store.isHeard(Token("nobody")!))
        await store.close()
        let quick = try ElectionBench(bench, timing: ElectionBench.haste).store()
        #expect(try await quick.isHeard(Token("nobody")!))
        try await eventually("the connection is older than a TTL") {
            (try? await quick.isHeard(Token("nobody")!)) == false
        }
        await quick.close()
    }

    /// While the server is a replica the leader can't say that it lives; those who noticed connect anew, and are then
    /// too young.
    @Test func nothingIsConcludedAfterARoleChange() async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server, timing: ElectionBench.quick)
            let leader = try ElectionReplica("pod-1", bench)
            let term = try await leader.elected()
            let follower = try ElectionReplica("pod-2", bench)
            try await eventually("pod-2 follows") { follower.service.status.lease == term.lease }
            try await Task.sleep(for: bench.timing.ttl)
            try await bench.send("REPLICAOF", "127.0.0.1", "1")
            try await bench.send("ACL", "SETUSER", "default", "resetchannels")
            try await bench.send("CLIENT", "KILL", "TYPE", "pubsub")
            try await eventually("the follower has noticed") { follower.service.status.problem != nil }
            try await bench.send("REPLICAOF", "NO", "ONE")
            try await eventually("the leader renews again") { leader.service.status.problem == nil }
            try await Task.sleep(for: .milliseconds(300))
            try await bench.send("ACL", "SETUSER", "default", "allchannels")
            try await Task.sleep(for: .seconds(1))
            let history = try await bench.history()
            #expect(!history.contains { $0.contains("leader-silent") }, "\(history)")
            await leader.close()
            await follower.close()
        }
    }

    /// Fewer where everything is slow, as under the thread sanitizer.
    private static let losses = getenv("BATON_SUBSCRIPTION_LOSSES").flatMap { Int(String(cString: $0)) } ?? 100

    /// Only the subscription is lost, for up to a second (nobody may subscribe meanwhile), a hundred times. What
    /// happens while the machine lets the leader wait for most of the grace does not count.
    @Test func losingTheSubscriptionDeposesNobody() async throws {
        try await LocalRedis.withServer { server in
            var (round, busy) = (0, 0)
            while round < Self.losses {
                try #require(busy < 50, "the machine is too busy for this test")
                let bench = try await ElectionBench(on: server, timing: ElectionBench.quick)
                let leader = try ElectionReplica("pod-1", bench)
                let term = try await leader.elected()
                let follower = try ElectionReplica("pod-2", bench)
                try await eventually("pod-2 follows") { follower.service.status.lease == term.lease }
                // Until then nobody would conclude anything.
                try await Task.sleep(for: bench.timing.ttl)
                let pulse = Pulse(leader.eventLoop)
                while round < Self.losses {
                    try await eventually("silence means something again") {
                        let live = try await bench.send("PUBSUB", "NUMSUB", bench.keys.live(term.token)).array
                        let isRelied = try await bench.send("EXISTS", bench.keys.suspect).int == 0
                        return isRelied && live?.last?.int == 1
                    }
                    pulse.start()
                    try await bench.send("ACL", "SETUSER", "default", "resetchannels")
                    try await bench.send("CLIENT", "KILL", "TYPE", "pubsub")
                    try await Task.sleep(for: round % 10 == 0 ? .seconds(1) : .milliseconds(round))
                    try await bench.send("ACL", "SETUSER", "default", "allchannels")
                    try await Task.sleep(for: LeaderWatch.interval + LeaderWatch.grace * 2)
                    let history = try await bench.history()
                    guard history == ["elected lease-free"], term.isLive(), follower.work.elected.isEmpty else {
                        let pause = pulse.longestPause
                        try #require(pause > LeaderWatch.grace * 0.6, "round \(round), \(history), paused for \(pause)")
                        busy += 1
                        break
                    }
                    round += 1
                }
                pulse.stop()
                await leader.close()
                await follower.close()
            }
        }
    }
}

/// Sees when an event loop gets no time: nothing that it does can be expected then.
private final class Pulse: Sendable {
    private static let interval = TimeAmount.milliseconds(2)
    private let state = Mutex((last: ContinuousClock.now, longest: Duration.zero))
    private let task: Mutex<RepeatedTask?>

    init(_ eventLoop: any EventLoop) {
        task = Mutex(nil)
        let beats = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.interval) { [weak self] _ in
            self?.beat()
        }
        task.withLock { $0 = beats }
    }

    func start() { state.withLock { $0 = (.now, .zero) } }
    func stop() { task.withLock { $0?.cancel() } }

    /// The longest time without a beat since ``start()``.
    var longestPause: Duration {
        beat()
        return state.withLock { $0.longest }
    }

    private func beat() {
        state.withLock { state in
            let now = ContinuousClock.now
            state = (now, max(state.longest, state.last.duration(to: now)))
        }
    }
}

import Dispatch
import Glibc
import LeaderElection
import LocalStack
import NIOCore
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState

/// One at a time: what they expect of timing must hold on a busy machine too.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ElectionServiceTests {
    private func withBench(
        timing: ElectionTiming = ElectionBench.haste, _ body: (ElectionBench) async throws -> Void
    ) async throws {
        try await LocalRedis.withServer { redis in
            try await body(ElectionBench(on: redis, timing: timing))
        }
    }

    @Test func theLeaderHandsOverAtOnce() async throws {
        try await withBench(timing: ElectionBench.patience) { bench in
            let first = try ElectionReplica("pod-1", bench)
            let term = try await first.elected()
            let second = try ElectionReplica("pod-2", bench)
            try await eventually("pod-2 follows pod-1") {
                second.service.status.state == .follower && second.service.status.lease == term.lease
            }
            let begin = ContinuousClock.now
            first.shutDown()
            let next = try await second.elected()
            let handover = ContinuousClock.now - begin
            await first.finished()
            #expect(next.epoch > term.epoch)
            #expect(handover < .seconds(20), "without the message it would take most of the TTL")
            #expect(term.endReason == .shutdown && !term.isLive())
            #expect(first.service.status.state == .stopped)
            #expect(try await bench.history() == ["elected lease-free", "resigned shutdown", "elected lease-free"])
            await second.close()
            #expect(try await bench.leaseText() == nil)
        }
    }

    @Test func aTermIsProlonged() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let term = try await replica.elected()
            let begin = ContinuousClock.now
            try await bench.send("SCRIPT", "FLUSH")
            try await eventually("renewed past the first deadline") {
                term.isLive() && begin.duration(to: .now) > bench.timing.ttl
            }
            #expect(replica.work.renewals.last?.fence?.epoch == term.epoch)
            #expect(await term.confirmed())
            await replica.close()
            #expect(await term.confirmed() == false)
        }
    }

    @Test func aTermEndsWithItsLease() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let term = try await replica.elected()
            try await bench.send("DEL", bench.keys.lease)
            let next = try await replica.elected(after: term)
            #expect(term.endReason == .leaseGone)
            #expect(next.epoch > term.epoch && next.token != term.token)
            try await eventually("the loss is in the history") {
                try await bench.history().contains("lost lease-gone")
            }
            await replica.close()
        }
    }

    @Test func aStolenLeaseIsLeftToTheThief() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let term = try await replica.elected()
            let epoch = "\(term.epoch.number + 1000)"
            let stolen = bench.foreignLease(epoch: epoch)
            try await bench.send("SET", bench.keys.lease, stolen, "PX", "60000")
            term.writeRefused()
            try await eventually("the term ends") { term.endReason != nil }
            guard case .takenOver(let thief)? = term.endReason else {
                Issue.record("ended as \(String(describing: term.endReason))")
                return
            }
            #expect(thief.text == stolen)
            #expect(try await bench.leaseText() == stolen)
            // Once that lease is gone, the epoch lies above the thief's, though it was issued by nobody.
            try await eventually("the follower listens") {
                try await bench.send("PUBSUB", "NUMSUB", bench.keys.released).array?.last?.int == 1
            }
            try await bench.send("DEL", bench.keys.lease)
            try await bench.send("PUBLISH", bench.keys.released, "theirs")
            #expect(try await replica.elected(after: term).epoch.number > thief.epoch.number)
            await replica.close()
        }
    }

    @Test func anEmptiedRedisNeverReissuesAnEpoch() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let term = try await replica.elected()
            try await bench.send("FLUSHALL")
            let next = try await replica.elected(after: term)
            #expect(next.epoch > term.epoch)
            try await bench.redis.restart()
            let third = try await replica.elected(after: next)
            #expect(third.epoch > next.epoch)
            await replica.close()
        }
    }

    @Test func aSilentRedisEndsTheTermInTime() async throws {
        // The margin is also the time that a busy machine may take until it sees that the work has ended.
        let timing = ElectionBench.timing(
            ttl: .seconds(10), renewEvery: .milliseconds(300), renewTimeout: .milliseconds(1600), margin: .seconds(4))
        try await withBench(timing: timing) { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let term = try await replica.elected()
            try bench.redis.signal(SIGSTOP)
            let begin = ContinuousClock.now
            try await eventually("the work is cancelled") { replica.work.ended.contains(term.token) }
            #expect(begin.duration(to: .now) < bench.timing.ttl)
            #expect(!term.isLive())
            #expect(replica.service.status.problem?.remedy == .retry)
            try bench.redis.signal(SIGCONT)
            #expect(try await replica.elected(after: term).epoch > term.epoch)
            #expect(replica.service.status.problem == nil)
            #expect(term.endReason == .deadline)
            await replica.close()
        }
    }

    /// Case 2 of the lost answers: what was granted without anybody knowing is found to be our own.
    @Test func aLeaseGrantedInSilenceIsAdopted() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let token = try await replica.elected().token
            #expect(try await bench.leaseText()?.contains("\(token)") == true)
            await replica.close()
            // Redis hangs while the next candidate asks, and grants the lease only after it has given up waiting.
            try bench.redis.signal(SIGSTOP)
            let second = try ElectionReplica("pod-2", bench)
            try await eventually("a first attempt has failed") { second.service.status.problem != nil }
            try bench.redis.signal(SIGCONT)
            let term = try await second.elected()
            #expect(try await bench.leaseText() == term.lease.text)
            #expect(try await bench.fence()[1] == "\(term.token)")
            // However many attempts were carried out, one term was granted.
            #expect(try await bench.history().filter { $0.hasPrefix("elected") }.count == 2)
            await second.close()
        }
    }

    @Test func hangingWorkIsLeftBehind() async throws {
        try await withBench(timing: ElectionBench.patience) { bench in
            let replica = try ElectionReplica("pod-1", bench, drain: .milliseconds(800)) { $0.hangs = true }
            let term = try await replica.elected()
            let second = try ElectionReplica("pod-2", bench)
            try await eventually("pod-2 follows") { second.service.status.lease == term.lease }
            let begin = ContinuousClock.now
            replica.shutDown()
            #expect(try await second.elected().epoch > term.epoch)
            await replica.finished()
            #expect(begin.duration(to: .now) < bench.timing.ttl)
            replica.work.release()
            await second.close()
        }
    }

    @Test func theNextCandidacyWaitsForTheOldWork() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench) { $0.hangs = true }
            let term = try await replica.elected()
            try await bench.send("DEL", bench.keys.lease)
            try await eventually("the term ends") { term.endReason != nil }
            // Long enough for several candidacies.
            let quiet = ContinuousClock.now + bench.timing.ttl
            try await eventually("nothing happens") { ContinuousClock.now > quiet }
            #expect(try await bench.leaseText() == nil)
            replica.work.release()
            #expect(try await replica.elected(after: term).epoch > term.epoch)
            replica.work.release()
            await replica.close()
        }
    }

    @Test func workThatReturnsGivesTheTermUp() async throws {
        try await withBench { bench in
            let first = try ElectionReplica("pod-1", bench) { $0.returnsAtOnce = true }
            let term = try await first.elected()
            try await eventually("the term is given up") { term.endReason == .workEnded }
            let second = try ElectionReplica("pod-2", bench)
            let next = try await second.elected()
            #expect(next.epoch > term.epoch)
            await first.close()
            await second.close()
        }
    }

    @Test func aStuckEventLoopEndsTheTermToo() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let term = try await replica.elected()
            let gate = DispatchSemaphore(value: 0)
            replica.eventLoop.execute { gate.wait() }
            try await eventually("the work is cancelled") { replica.work.ended.contains(term.token) }
            #expect(!term.isLive())
            gate.signal()
            #expect(try await replica.elected(after: term).epoch > term.epoch)
            await replica.close()
        }
    }

    @Test func aRefusedReplicaSaysWhyAndComesBack() async throws {
        try await withBench { bench in
            try await bench.send("SET", bench.keys.lease, bench.foreignLease(deployment: "x/y/z"), "PX", "60000")
            let replica = try ElectionReplica("pod-1", bench)
            try await eventually("the problem is shown") {
                replica.service.status.problem?.message.contains("another deployment") == true
            }
            #expect(replica.work.elected.isEmpty)
            try await bench.send("DEL", bench.keys.lease)
            _ = try await replica.elected()
            #expect(replica.service.status.problem == nil)
            await replica.close()
        }
    }

    @Test func statusesCanBeWatched() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            let states = Task {
                var seen: [ElectionState] = []
                for await status in replica.service.statuses() { seen.append(status.state) }
                return seen
            }
            _ = try await replica.elected()
            await replica.close()
            #expect(await states.value.last == .stopped)
            var after = replica.service.statuses().makeAsyncIterator()
            #expect(await after.next()?.state == .stopped)
            #expect(await after.next() == nil)
        }
    }

    /// A pod that comes back under its name is another replica: nothing of its former self's lease is its own.
    @Test func theSameNameIsAnotherReplica() async throws {
        try await withBench { bench in
            let first = try ElectionReplica("pod-1", bench)
            let term = try await first.elected()
            let second = try ElectionReplica("pod-1", bench)
            try await eventually("the second one follows") { second.service.status.lease == term.lease }
            #expect(second.service.status.state != .leader && term.isLive())
            await first.close()
            let next = try await second.elected()
            #expect(next.token != term.token && next.epoch > term.epoch)
            await second.close()
        }
    }

    @Test func aReplicaCanStopBeforeItStarted() async throws {
        try await withBench { bench in
            let replica = try ElectionReplica("pod-1", bench)
            await replica.close()
            #expect(try await bench.leaseText() == nil)
        }
    }

    /// Handover by message, many times over.
    @Test func handoversAreQuick() async throws {
        try await withBench { bench in
            var times: [Duration] = []
            var leader = try ElectionReplica("pod-0", bench)
            var term = try await leader.elected()
            for number in 1...10 {
                let next = try ElectionReplica("pod-\(number)", bench)
                try await eventually("pod-\(number) listens") {
                    guard next.service.status.lease == term.lease else { return false }
                    let counts = try await bench.send("PUBSUB", "NUMSUB", bench.keys.released).array
                    return counts?.last?.int == 2  // the leader listens too
                }
                let begin = ContinuousClock.now
                leader.shutDown()
                term = try await next.elected()
                times.append(next.work.electedAt - begin)
                await leader.finished()
                leader = next
            }
            await leader.close()
            #expect(times.sorted()[5] < .seconds(1), "\(times)")
        }
    }
}

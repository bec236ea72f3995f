import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState

/// Renewing, resigning and the fence; and what a Redis in trouble makes of the scripts.
@Suite struct LeaseScriptTests {
    // MARK: renew

    @Test func ourLeaseIsRenewed() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        try await bench.send("PEXPIRE", bench.keys.lease, "30000")
        try await bench.send("HSET", bench.keys.fence, "sequence", "12")
        let renewal = try await store.renew(lease)
        #expect(renewal.answer == .renewed)
        #expect(renewal.fence == FenceState(epoch: lease.epoch, token: "\(lease.token)", sequence: 12))
        #expect((40_000...60_000).contains(try await bench.send("PTTL", bench.keys.lease).int ?? 0))
    }

    @Test(arguments: [["DEL"], ["HDEL", "sequence"], ["HDEL", "token"]])
    func aMissingFenceIsNoticed(_ damage: [String]) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        _ = try await bench.connection.send(RedisCommand([damage[0], bench.keys.fence] + damage.dropFirst()))
        let renewal = try await store.renew(lease)
        #expect(renewal.answer == .renewed && renewal.fence == nil)
    }

    @Test func aFenceOfAnotherTypeDoesNotEndATerm() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        try await bench.send("SET", bench.keys.fence, "text")
        let renewal = try await store.renew(lease)
        #expect(renewal.answer == .renewed && renewal.fence == nil)
    }

    @Test func aLostLeaseIsNeverRecreated() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        try await bench.send("DEL", bench.keys.lease)
        #expect(try await store.renew(lease).answer == .gone)
        #expect(try await bench.leaseText() == nil)

        try await bench.send("SET", bench.keys.lease, bench.foreignLease(), "PX", "30000")
        guard case .taken(let other, let remaining) = try await store.renew(lease).answer else {
            Issue.record("not taken")
            return
        }
        #expect(other.holder == "pod-9" && remaining <= .seconds(30))
        #expect((0...30_000).contains(try await bench.send("PTTL", bench.keys.lease).int ?? -1))
    }

    @Test func whatCannotBeALeaseIsNotOurs() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        try await bench.send("DEL", bench.keys.lease)
        try await bench.send("LPUSH", bench.keys.lease, "x")
        let renewal = try await store.renew(lease)
        #expect(renewal.answer == .gone && renewal.obstacle?.remedy == .repair)
    }

    // MARK: resign

    @Test func resigningReleasesAndSeals() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        #expect(try await store.resign(lease, .shutdown))
        #expect(try await bench.leaseText() == nil)
        #expect(try await bench.fence() == ["\(lease.epoch)", "sealed", "0", "\(lease.epoch)"])
        #expect(try await bench.history() == ["elected lease-free", "resigned shutdown"])
        let next = try await bench.store("pod-2").acquire(.random(), floor: .zero).answer.granted()
        #expect(next.epoch > lease.epoch)
        #expect(try await store.resign(lease, .shutdown) == false)
        #expect(try await bench.leaseText() == next.text)
        #expect(try await bench.fence()[1] == "\(next.token)")
    }

    @Test func aForeignLeaseIsNeverDeleted() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        let foreign = bench.foreignLease()
        try await bench.send("SET", bench.keys.lease, foreign, "PX", "60000")
        #expect(try await store.resign(lease, .deadline) == false)
        #expect(try await bench.leaseText() == foreign)
        // Our own fence is sealed all the same.
        #expect(try await bench.fence()[1] == "sealed")
        try await bench.send("DEL", bench.keys.lease)
        try await bench.send("LPUSH", bench.keys.lease, "x")
        #expect(try await store.resign(lease, .deadline) == false)
    }

    // MARK: sync

    private func sync(_ bench: ElectionBench, _ lease: Lease, next: Int64) async throws -> FenceSync.Answer {
        try FenceSync.answer(
            await bench.connection.run(
                FenceSync.atLease(bench.keys, lease, next: next, deployment: ElectionBench.deployment)))
    }

    @Test func syncTellsWhatTheFenceWas() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let lease = try await bench.store().acquire(.random(), floor: .zero).answer.granted()
        func state(_ sequence: Int64) -> FenceState {
            FenceState(epoch: lease.epoch, token: "\(lease.token)", sequence: sequence)
        }
        #expect(try await sync(bench, lease, next: 10) == .synced(was: state(0)))
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(lease.token)", "10", "\(lease.epoch)"])
        // Late ones change nothing.
        #expect(try await sync(bench, lease, next: 10) == .late)
        #expect(try await sync(bench, lease, next: 9) == .late)
        #expect(try await bench.fence()[2] == "10")
        // Redis lost data: the fence is behind, of an earlier term, or gone.
        try await bench.send("HSET", bench.keys.fence, "sequence", "4")
        #expect(try await sync(bench, lease, next: 20) == .synced(was: state(4)))
        try await bench.send("HSET", bench.keys.fence, "epoch", "7", "token", "old", "sequence", "99")
        #expect(
            try await sync(bench, lease, next: 30)
                == .synced(was: FenceState(epoch: try #require(Epoch(7)), token: "old", sequence: 99)))
        try await bench.send("DEL", bench.keys.fence)
        #expect(try await sync(bench, lease, next: 40) == .synced(was: nil))
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(lease.token)", "40", "\(lease.epoch)"])
    }

    @Test func syncNeedsTheLease() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let lease = try await bench.store().acquire(.random(), floor: .zero).answer.granted()
        let fence = try await bench.fence()
        try await bench.send("DEL", bench.keys.lease)
        #expect(try await sync(bench, lease, next: 10) == .notOurs(highest: nil))
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(), "PX", "60000")
        #expect(try await sync(bench, lease, next: 10) == .notOurs(highest: Epoch(500)))
        #expect(try await bench.fence() == fence)
        try await bench.send("DEL", bench.keys.fence)
        try await bench.send("SET", bench.keys.fence, "text")
        await #expect(throws: LeaseError.self) { try await sync(bench, lease, next: 10) }
    }

    // MARK: raise

    @Test func atAnotherTargetEpochsAreCompared() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        func raise(_ epoch: Int64, _ token: String, next: Int64) async throws -> FenceSync.Answer {
            let lease = Lease(
                text: "", epoch: try #require(Epoch(epoch)), token: try #require(Token(token)), holder: "",
                sinceMilliseconds: 0)
            return try FenceSync.answer(
                await bench.connection.run(FenceSync.atTarget(bench.keys, lease, next: next)))
        }
        #expect(try await raise(100, "a", next: 1) == .synced(was: nil))
        #expect(try await bench.fence() == ["100", "a", "1", "100"])
        #expect(try await raise(100, "a", next: 1) == .late)
        #expect(
            try await raise(100, "a", next: 5)
                == .synced(was: FenceState(epoch: try #require(Epoch(100)), token: "a", sequence: 1)))
        // Never lower over higher, nor another term of the same epoch.
        #expect(try await raise(99, "b", next: 1) == .notOurs(highest: Epoch(100)))
        #expect(try await raise(100, "b", next: 9) == .notOurs(highest: Epoch(100)))
        #expect(try await bench.fence() == ["100", "a", "5", "100"])
        // As numbers, not as text.
        #expect(
            try await raise(1_790_000_000_000_001, "c", next: 1)
                == .synced(was: FenceState(epoch: try #require(Epoch(100)), token: "a", sequence: 5)))
        #expect(try await raise(1_790_000_000_000_000, "d", next: 1) == .notOurs(highest: Epoch(1_790_000_000_000_001)))
        try await bench.send("HSET", bench.keys.fence, "highest", "1800000000000000")
        #expect(try await raise(1_799_999_999_999_999, "e", next: 1) == .notOurs(highest: Epoch(1_800_000_000_000_000)))
    }
}

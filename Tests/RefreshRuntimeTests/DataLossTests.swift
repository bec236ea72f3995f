import CacheRefresh
import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import RefreshRuntime

/// Redis forgets what it had acknowledged: it restarts from an older state, a replica is promoted, a key evicted.
@Suite("Data that Redis lost")
struct DataLossTests {
    /// How the fence comes to be behind what was acknowledged.
    enum Loss: String, CaseIterable, Sendable {
        case fenceDeleted, fenceSetBack, fenceOfAnEarlierTerm, fenceWithoutSequence

        func strike(_ world: RefreshWorld) async throws {
            let fence = world.keys.fence
            switch self {
            case .fenceDeleted: try await world.command("DEL", fence)
            case .fenceSetBack: try await world.command("HSET", fence, "sequence", "1")
            case .fenceOfAnEarlierTerm: try await world.command("HSET", fence, "epoch", "1", "token", "earlier")
            case .fenceWithoutSequence: try await world.command("HDEL", fence, "sequence")
            }
        }
    }

    @Test("A fence behind what was acknowledged is noticed with the next batch", arguments: Loss.allCases)
    func noticedByBatch(_ loss: Loss) async throws {
        try await RefreshWorld.onRedisOnly { world in
            let fence = try world.fence(of: await world.elect())
            for value in ["1", "2"] { _ = try await fence.outcome(of: fence.send(.strings([("key", value)]))) }
            try await loss.strike(world)
            await #expect(throws: Fence.Failure.self) {
                try await fence.outcome(of: fence.send(.strings([("key", "3")])))
            }
            #expect(await fence.losses == 0)
            _ = try await fence.outcome(of: fence.send(.strings([("key", "4")])))
            #expect(await fence.losses == 1)
            _ = try await fence.outcome(of: fence.send(.strings([("key", "5")])))
            #expect(await fence.losses == 1)
        }
    }

    @Test("A renewal alone shows it, where nothing is sent")
    func noticedByRenewal() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let term = try await world.elect()
            let fence = try world.fence(of: term)
            _ = try await fence.outcome(of: fence.send(.strings([("key", "1")])))
            let long = ContinuousClock.now
            _ = try await fence.outcome(of: fence.send(.strings([("key", "2")])))
            func state(_ sequence: Int64, token: String? = nil) -> FenceState {
                FenceState(epoch: term.epoch, token: token ?? "\(term.token)", sequence: sequence)
            }
            // The sync was 1, the batches 2 and 3.
            let before = try await fence.syncs(after: .init(askedAt: .now, fence: state(3)))
            // Asked before the last batch was acknowledged.
            #expect(try await fence.syncs(after: .init(askedAt: long, fence: state(2))) == before)
            #expect(await fence.losses == 0)
            // What a renewal says is believed once; then the fence itself is asked, and is right.
            #expect(try await fence.syncs(after: .init(askedAt: .now, fence: state(2))) == before + 1)
            #expect(await fence.losses == 0)
            for (index, fault) in Loss.allCases.enumerated() {
                try await fault.strike(world)
                switch fault {
                case .fenceDeleted, .fenceWithoutSequence: term.renew(nil)
                case .fenceSetBack: term.renew(state(1))
                case .fenceOfAnEarlierTerm: term.renew(FenceState(epoch: Epoch(1)!, token: "earlier", sequence: 3))
                }
                try await world.wait(until: "the loss is noticed: \(fault)") {
                    try await fence.verify()
                    return await fence.losses == index + 1
                }
            }
        }
    }

    @Test("A loss that a renewal shows in the middle of a pass fails the pass, which leaves no mark behind it")
    func noticedWithinAPass() async throws {
        let schema = "create table t (id int primary key, v text); insert into t values (1, 'old')"
        try await RefreshWorld.with(sql: schema) { world in
            // A filter lets the dataset leave marks; the condition makes its read take a while.
            let dataset = try Dataset.table("t", ["t:{id}"], where: "pg_sleep(2)::text = ''", filter: "true")
            let leader = try await world.leader(of: dataset)
            try await leader.tick()
            world.clock.advance(by: .seconds(61))  // a mark is due
            try await world.sql("update t set v = 'new' where id = 1")
            let (term, fence) = (leader.term, leader.fence)
            async let noticed: Void = {
                try await world.wait(until: "the pass reads") {
                    let sleepers = """
                        select count(*) from pg_stat_activity
                        where wait_event = 'PgSleep' and datname = current_database()
                        """
                    return try await world.value(sleepers) == "1"
                }
                // Redis goes back behind what it acknowledged, its connections stay.
                try await world.command("HSET", world.keys.fence, "sequence", "0")
                try await world.command("HDEL", world.keys.marks, "t")
                let found = FenceState(epoch: term.epoch, token: "\(term.token)", sequence: 0)
                await fence.renewed(.init(askedAt: .now, fence: found))
            }()
            await #expect(throws: Fence.Failure.self) { try await leader.tick() }
            try await noticed
            #expect(try await world.command("HEXISTS", world.keys.marks, "t").int == 0)
            try await leader.tick()
            #expect(await leader.fence.losses == 1)
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    @Test("A loss is not forgotten where Redis can't be reached when it is noticed first")
    func noticedAtLast() async throws {
        try await RefreshWorld.onRedisOnly(redis: .init()) { world in
            let term = try await world.elect()
            let fence = Fence(
                keys: world.keys, deployment: "test", term: term,
                redis: try world.makeClient(timeout: .milliseconds(300)),
                logger: RefreshWorld.quiet, timeout: .milliseconds(300))
            for value in ["1", "2"] { _ = try await fence.outcome(of: fence.send(.strings([("key", value)]))) }
            try await world.command("HSET", world.keys.fence, "sequence", "1")
            await fence.renewed(
                .init(askedAt: .now, fence: FenceState(epoch: term.epoch, token: "\(term.token)", sequence: 1)))
            try world.redisServer.signal(19)  // SIGSTOP
            await #expect(throws: Fence.Failure.self) { try await fence.verify() }
            try world.redisServer.signal(18)  // SIGCONT
            try await world.wait(until: "the loss is noticed") {
                try? await fence.verify()
                return await fence.losses == 1
            }
        }
    }

    static let schema = """
        create table merchants (id int primary key, name text);
        insert into merchants select n, 'Merchant ' || n from generate_series(1, 20) n
        """

    /// What brings the cache back to an older state.
    enum Restart: String, CaseIterable, Sendable {
        case fromOldSnapshot, fromOldSnapshotThenAChange, empty
    }

    @Test(
        "The cache is made right again after a restart with old data, also where nothing changed since",
        arguments: Restart.allCases)
    func restart(_ restart: Restart) async throws {
        try await RefreshWorld.with(sql: Self.schema, redis: .init()) { world in
            let dataset = try Dataset.table("merchants", ["merchant:{id}"])
            let leader = try await world.leader(of: dataset)
            try await leader.tick()
            try await world.command("SAVE")
            try await world.sql("update merchants set name = 'new' where id < 5; delete from merchants where id = 20")
            try await leader.tick()
            #expect(try await world.differences(in: "merchants", prefix: "merchant:").isEmpty)

            if restart == .empty {
                try await world.command("FLUSHALL")
                try await world.command("SAVE")
            }
            await world.redisServer.kill()
            try await world.redisServer.restart()
            #expect(
                try await world.differences(in: "merchants", prefix: "merchant:").count == (restart == .empty ? 19 : 5))
            if restart == .empty {
                // The lease is gone too, and with it the term.
                let errors = await leader.troubleOfNextTick()
                #expect(errors?.contains("lease") == true)
                let successor = try await world.leader(of: dataset)
                try await successor.tick()
            } else {
                if restart == .fromOldSnapshotThenAChange {
                    try await world.sql("update merchants set name = 'newer' where id = 7")
                }
                try await leader.tickUntilItWorks()
                try await leader.tick()
                #expect(await leader.fence.losses == 1)
            }
            #expect(try await world.differences(in: "merchants", prefix: "merchant:") == [])
        }
    }
}

extension Fence {
    /// How often the chain was mended, once this renewal was told and the next tick has begun.
    fileprivate func syncs(after renewal: LeadershipTerm.Renewal) async throws -> Int {
        renewed(renewal)
        try await verify()
        return chainCount
    }
}

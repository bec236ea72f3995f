import Testing

@testable import CacheRefresh

@Suite("Failures")
struct FailureTests {
    @Test("lost batches are done again, from the newest values", arguments: [FakeRedis.Fate.lost, .unanswered])
    func lost(fate: FakeRedis.Fate) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(3))
        leader.redis.fate = { _ in fate }
        leader.pass(["1 Old 1001", "2 N2 9999"])
        #expect(leader.needsRead)
        leader.redis.fate = { _ in .answered }
        leader.pass(["1 New 1001", "2 N2 2222"])
        #expect(
            leader.redis.contents == [
                "user:1": Fixture.json(1, "New", "1001"), "phone:1001": "1",
                "user:2": Fixture.json(2, "N2", "2222"), "phone:2222": "2",
            ])
        #expect(!leader.needsRead && !leader.hasDueWork)
        leader.pass(["1 New 1001", "2 N2 2222"])
        #expect(leader.redis.log == [])
    }

    @Test("a deletion that was lost spares a key that a row took since", arguments: [FakeRedis.Fate.lost, .unanswered])
    func lostDeletion(fate: FakeRedis.Fate) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200"])
        leader.redis.fate = { _ in fate }
        leader.pass(["2 Bob 200"])
        leader.redis.fate = { _ in .answered }
        leader.pass(["1 Eve 300", "2 Bob 100"])
        #expect(
            leader.redis.contents == [
                "user:1": Fixture.json(1, "Eve", "300"), "phone:300": "1",
                "user:2": Fixture.json(2, "Bob", "100"), "phone:100": "2",
            ])
    }

    @Test("failures are per key: only what was refused is done again")
    func refused() throws {
        let leader = try Leader(try Fixture.users())
        leader.redis.fate = { _ in .refused([2]) }
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(leader.redis.keys == ["phone:100", "phone:200", "user:1"])
        #expect(leader.summary.keysFailed == 1)
        leader.redis.fate = { _ in .answered }
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(leader.redis.log == ["S user:2", "S phone:200"])
        #expect(leader.redis.keys.count == 4)
    }

    @Test("a deletion that was refused is done again by the next tick")
    func refusedDeletion() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200"])
        leader.redis.fate = { _ in .refused([0]) }
        leader.pass(["2 Bob 200"])
        #expect(leader.redis.keys.count == 3 && leader.hasDueWork)
        leader.redis.fate = { _ in .answered }
        leader.tick()
        #expect(leader.redis.keys == ["phone:200", "user:2"])
        #expect(!leader.hasDueWork)
    }

    @Test("a renewal that was lost is done again")
    func lostRenewal() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100"])
        leader.advance(.seconds(51))
        leader.redis.fate = { _ in .lost }
        leader.tick()
        leader.redis.fate = { _ in .answered }
        #expect(leader.hasDueWork)
        leader.tick()
        #expect(leader.redis.ttl(of: "user:1") == .seconds(100))
    }

    static let aborts: [Leader.Abort] = [
        .afterChunk(0), .afterChunk(1), .afterChunk(2), .afterRead, .afterSettlingBatches(0), .afterSettlingBatches(1),
    ]

    @Test("an abandoned pass loses nothing", arguments: aborts, [1, 4])
    func abandoned(abort: Leader.Abort, depth: Int) throws {
        let leader = try Leader(try Fixture.users())
        leader.depth = depth
        leader.pass(Fixture.rows(6))
        // 1 swaps with 2, 3 changes, 4 goes, 7 comes with its phone.
        let rows = ["1 N1 1002", "2 N2 1001", "3 X 1003", "5 N5 1005", "6 N6 1006", "7 N7 1004"]
        #expect(!leader.pass(rows, chunk: 2, abort: abort))
        leader.pass(rows, chunk: 4)
        #expect(leader.redis.keys.count == 12)
        #expect(
            leader.redis["phone:1001"] == "2" && leader.redis["phone:1002"] == "1" && leader.redis["phone:1004"] == "7")
        #expect(leader.redis["user:3"] == Fixture.json(3, "X", "1003") && leader.redis["user:4"] == nil)
        leader.pass(rows)
        #expect(leader.redis.log == [])
    }

    @Test(
        "a pass abandoned while it reads deletes nothing, nor do ticks after it",
        arguments: [Leader.Abort.afterChunk(0), .afterChunk(1), .afterChunk(2)])
    func abandonedDeletions(abort: Leader.Abort) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 N1 1001", "2 N2 1002", "3 N3 1003"])
        leader.pass(["1 N1 1009", "3 N3 1001"], chunk: 1, abort: abort)
        leader.tick()
        #expect(!leader.redis.log.contains { $0.hasPrefix("D") })
        #expect(leader.redis.keys.filter { $0.hasPrefix("user") }.count == 3)
        #expect(leader.redis["phone:1001"] != nil)
    }

    @Test("a first pass that was abandoned is a first pass again", arguments: aborts.prefix(4) + [.afterInventory])
    func abandonedOpening(abort: Leader.Abort) throws {
        let redis = FakeRedis()
        redis["user:9"] = "?"
        redis["user:1"] = Fixture.json(1, "N1", "1001")
        let leader = try Leader(try Fixture.users(), redis)
        leader.pass(Fixture.rows(4), chunk: 2, abort: abort)
        leader.tick()
        #expect(!leader.isFirstPassDone && leader.needsRead)
        leader.pass(Fixture.rows(4))
        #expect(redis.keys.count == 8 && redis["user:9"] == nil)
        #expect(leader.isFirstPassDone && !leader.needsRead)
    }

    @Test("answers that come late change nothing that matters")
    func lateAnswers() throws {
        let leader = try Leader(try Fixture.users())
        leader.depth = 4
        leader.pass(Fixture.rows(1000), chunk: 100)
        leader.redis.removeAll()
        leader.advance(.seconds(51))
        leader.tick()
        leader.pass(Fixture.rows(1000), chunk: 100)
        #expect(leader.redis.keys.count == 2000)
    }
}

import Testing

@testable import CacheRefresh

@Suite("Modes for caches that applications fill")
struct WriteModeTests {
    // MARK: existing

    @Test("existing: only keys that the application loaded are rewritten, and their TTL is left alone")
    func existing() throws {
        let leader = try Leader(try Fixture.users(mode: .existing))
        leader.redis.set("user:1", "old", ttl: .seconds(33))
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(leader.redis.contents == ["user:1": Fixture.json(1, "Ann", "100")])
        #expect(leader.redis.ttl(of: "user:1") == .seconds(33))
        for _ in 0..<32 {
            leader.advance(.seconds(1))
            leader.pass(["1 Ann 100", "2 Bob 200"])
            #expect(!leader.redis.log.contains { $0.hasPrefix("T") })
        }
        leader.advance(.seconds(1))
        #expect(leader.redis.contents == [:])
    }

    @Test("existing: hashes too")
    func existingHash() throws {
        let leader = try Leader(try Fixture.users(mode: .existing, format: .hash))
        leader.redis["user:1"] = "old"
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(leader.redis.contents == ["user:1": "id=1 name=Ann phone=100"])
    }

    @Test("existing: a write is repeated once after two seconds, with what the row is then")
    func existingRepetition() throws {
        let leader = try Leader(try Fixture.users(mode: .existing))
        settle(leader, ["1 Ann 100"])
        leader.pass(["1 Bea 100"])
        #expect(leader.redis.log == ["X user:1", "X phone:100"])
        leader.redis["user:1"] = "what a slow reader found before"
        leader.advance(.milliseconds(1999))
        #expect(!leader.hasDueWork)
        leader.advance(.milliseconds(1))
        #expect(leader.hasDueWork)
        leader.tick()
        #expect(leader.needsRead)
        leader.pass(["1 Bea 100"])
        #expect(leader.redis["user:1"] == Fixture.json(1, "Bea", "100"))
        for _ in 0..<5 {
            leader.advance(.seconds(3))
            leader.pass(["1 Bea 100"])
            #expect(leader.redis.log == [])
        }
    }

    @Test("existing: a change that comes at the moment of a repetition is repeated itself")
    func existingRepetitionOfChange() throws {
        let leader = try Leader(try Fixture.users(mode: .existing))
        settle(leader, ["1 Ann 100"])
        leader.pass(["1 Bea 100"])
        leader.advance(.seconds(2))
        leader.tick()
        leader.pass(["1 Cora 100"])
        leader.redis["user:1"] = Fixture.json(1, "Bea", "100")
        leader.advance(.seconds(2))
        leader.tick()
        leader.pass(["1 Cora 100"])
        #expect(leader.redis["user:1"] == Fixture.json(1, "Cora", "100"))
    }

    @Test("existing: the key of a deleted row goes twice, unless the row came back")
    func existingDeletion() throws {
        let leader = try Leader(try Fixture.users(mode: .existing))
        settle(leader, ["1 Ann 100", "2 Bob 200"])
        leader.pass(["2 Bob 200"])
        #expect(Set(leader.redis.log) == ["D user:1", "D phone:100"])
        leader.redis["user:1"] = "slow reader"
        leader.advance(.seconds(1))
        leader.pass(["2 Bob 100"])
        leader.redis["phone:100"] = "2"
        leader.advance(.seconds(1))
        leader.tick()
        #expect(leader.redis["user:1"] == nil)
        #expect(leader.redis["phone:100"] == "2")
    }

    // MARK: invalidate

    @Test("invalidate: inserts, updates and deletes unlink the row's keys, old and new, twice")
    func invalidate() throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, ["1 Ann 100", "2 Bob 200", "3 Cid 300"])
        let rows = ["2 Bob 201", "3 Cid 300", "4 Dan 400"]
        let keys: Set = [
            "D user:1", "D phone:100", "D user:2", "D phone:200", "D phone:201", "D user:4", "D phone:400",
        ]
        leader.pass(rows)
        #expect(Set(leader.redis.log) == keys)
        leader.advance(.milliseconds(1999))
        leader.pass(rows)
        #expect(leader.redis.log == [])
        leader.advance(.milliseconds(1))
        leader.tick()
        #expect(Set(leader.redis.log) == keys)
        for _ in 0..<5 {
            leader.advance(.seconds(3))
            leader.pass(rows)
            #expect(leader.redis.log == [])
        }
    }

    @Test("invalidate: a swap of phones unlinks both", arguments: [[0, 1], [1, 0]])
    func invalidateSwap(order: [Int]) throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, ["1 Ann 100", "2 Bob 200"])
        let rows = ["1 Ann 200", "2 Bob 100"]
        leader.pass(order.map { rows[$0] })
        #expect(Set(leader.redis.log) == ["D user:1", "D user:2", "D phone:100", "D phone:200"])
        leader.advance(.seconds(2))
        leader.tick()
        #expect(Set(leader.redis.log) == ["D user:1", "D user:2", "D phone:100", "D phone:200"])
    }

    @Test("invalidate: rows that share a key unlink it whoever of them changes or leaves", arguments: ["1", "2"])
    func invalidateShared(mover: String) throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        let other = mover == "1" ? "2" : "1"
        settle(leader, ["1 Ann 100", "2 Ann 100"])
        leader.pass(["\(mover) Bea 100", "\(other) Ann 100"])
        #expect(Set(leader.redis.log) == ["D user:\(mover)", "D phone:100"])
        settle(leader, ["\(mover) Bea 100", "\(other) Ann 100"])
        leader.pass(["\(mover) Bea 200", "\(other) Ann 100"])
        #expect(Set(leader.redis.log) == ["D user:\(mover)", "D phone:100", "D phone:200"])
        settle(leader, ["\(mover) Bea 200", "\(other) Ann 100"])
        #expect(leader.redis.log == [])
        leader.pass(["\(mover) Bea 200"])
        #expect(Set(leader.redis.log) == ["D user:\(other)", "D phone:100"])
    }

    @Test("invalidate: the brake does not hold what only empties a cache")
    func invalidateWithoutBrake() throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, Fixture.rows(20))
        leader.pass([])
        #expect(leader.redis.log.count == 40)
    }

    @Test("invalidate: a takeover with a mark unlinks what changed while nobody led, and nothing else")
    func takeoverWithMark() throws {
        let redis = FakeRedis()
        for key in ["user:1", "phone:100", "user:2", "phone:200", "phone:201", "user:3", "phone:300", "user:4"] {
            redis[key] = "cached"
        }
        let leader = try Leader(try Fixture.users(mode: .invalidate), redis)
        // 2 had the phone 200, 3 was deleted, 4 was inserted: `user:4` says that it does not exist.
        leader.pass(["1 Ann 100", "2 Bob 201", "4 Dan 400"], flags: [false, true, true])
        #expect(redis.keys == ["phone:100", "user:1"])
        redis["user:2"] = "slow reader"
        leader.advance(.seconds(2))
        leader.tick()
        #expect(redis.keys == ["phone:100", "user:1"])
    }

    @Test("invalidate: what an abandoned read without a mark only remembered is unlinked, also if a mark is found then")
    func markFoundLater() throws {
        let redis = FakeRedis()
        redis["user:1"] = "cached"
        let leader = try Leader(try Fixture.users(mode: .invalidate), redis)
        leader.pass(["1 Ann 100"], abort: .afterRead)
        leader.pass(["1 Ann 100"], flags: [true])
        #expect(redis.keys == [])
    }

    @Test("invalidate: a takeover without a mark unlinks all existing keys, twice", arguments: [nil, "recent"])
    func takeoverWithoutMark(filter: String?) throws {
        let redis = FakeRedis()
        for key in ["user:1", "phone:100", "user:9", "other:1"] { redis[key] = "cached" }
        let leader = try Leader(try Fixture.users(mode: .invalidate, filter: filter), redis)
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(redis.keys == ["other:1"])
        #expect(Set(redis.log) == ["D user:1", "D phone:100", "D user:9"])
        redis["user:1"] = "slow reader"
        redis["user:8"] = "slow reader"
        leader.advance(.seconds(2))
        #expect(leader.needsRead)
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(redis.keys == ["other:1"])
        redis["user:1"] = "cached"
        leader.advance(.seconds(3))
        leader.pass(["1 Ann 100", "2 Bob 200"])
        #expect(redis["user:1"] == "cached" && !leader.needsRead)
    }

    @Test(
        "what a slow reader brings back after a takeover goes too: the leader before had seen the change, but not repeated it",
        arguments: [Dataset.WriteMode.existing, .invalidate], [true, false])
    func takeoverBeforeRepetition(mode: Dataset.WriteMode, isEmptyAtFirst: Bool) throws {
        let redis = FakeRedis()
        let leader = try Leader(
            try Fixture.users(mode: mode), redis, opening: isEmptyAtFirst ? .writing : .comparing)
        let flags = mode == .invalidate ? [false] : nil
        leader.pass(["2 Bob 200"], flags: flags)
        // 1 was deleted a moment before the takeover, and a reader had read it before that.
        redis["user:1"] = "slow reader"
        redis["user:2"] = Fixture.json(2, "Bob", "200")
        leader.refresh.passed(mark)
        #expect(leader.dueMark == nil)
        leader.advance(.seconds(1))
        leader.pass(["2 Bob 200"])
        #expect(redis["user:1"] != nil)
        leader.advance(.seconds(1))
        leader.pass(["2 Bob 200"], abort: .afterRead)
        #expect(leader.needsRead)
        leader.pass(["2 Bob 200"])
        #expect(redis.keys == ["user:2"])
        #expect(mode == .existing || leader.dueMark == mark)
    }

    @Test("invalidate: an unlink that was lost is done again, whoever owns the key", arguments: [true, false])
    func lostInvalidation(isRepetition: Bool) throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, ["1 Ann 100"])
        leader.redis.set("user:1", "old", ttl: .seconds(1000))
        if isRepetition {
            leader.pass(["1 Bea 100"])
            leader.redis["user:1"] = "old"
            leader.advance(.seconds(2))
        }
        leader.redis.fate = { _ in .lost }
        leader.pass(["1 Bea 100"])
        leader.redis.fate = { _ in .answered }
        #expect(leader.hasDueWork)
        leader.tick()
        #expect(leader.redis["user:1"] == nil)
    }

    // MARK: Marks

    private let mark = Fixture.mark(7)

    @Test("a mark is never written before the repetitions that it stands for")
    func markAfterRepetitions() throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, ["1 Ann 100"])
        leader.pass(["1 Bea 100"])
        leader.refresh.passed(mark)
        #expect(leader.dueMark == nil)
        leader.advance(.milliseconds(1999))
        leader.tick()
        #expect(leader.dueMark == nil)
        leader.advance(.milliseconds(1))
        leader.tick()
        #expect(leader.dueMark == mark)
        #expect(leader.dueMark == nil)
    }

    @Test("a mark waits for unlinks and repetitions that were lost")
    func markAfterLoss() throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, ["1 Ann 100"])
        leader.redis.fate = { _ in .lost }
        leader.pass(["1 Bea 100"])
        leader.redis.fate = { _ in .answered }
        leader.refresh.passed(mark)
        leader.advance(.seconds(2))
        #expect(leader.dueMark == nil)
        leader.redis.fate = { _ in .lost }
        leader.tick()
        leader.redis.fate = { _ in .answered }
        #expect(leader.dueMark == nil)
        leader.tick()
        leader.advance(.seconds(2))
        leader.tick()
        #expect(leader.dueMark == mark)
    }

    @Test("a mark that was lost is written again")
    func lostMark() throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate))
        settle(leader, ["1 Ann 100"])
        leader.refresh.passed(mark)
        #expect(leader.dueMark == mark)
        leader.refresh.lost(WriteBatch.mark(mark, of: "users", key: "marks"))
        #expect(leader.dueMark == mark)
    }

    /// Passes over the same rows until nothing is left to repeat.
    private func settle(_ leader: Leader, _ rows: [String]) {
        for _ in 0..<4 {
            leader.pass(rows)
            leader.advance(.seconds(2))
            leader.tick()
        }
    }
}

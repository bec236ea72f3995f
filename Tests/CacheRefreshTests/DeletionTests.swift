import Testing

@testable import CacheRefresh

@Suite("Deleting")
struct DeletionTests {
    @Test("rows deleted in the database lose their keys at the next pass", arguments: Dataset.WriteMode.allCases)
    func deleted(mode: Dataset.WriteMode) throws {
        let leader = try Leader(try Fixture.users(mode: mode))
        leader.pass(Fixture.rows(4))
        leader.redis["user:2"] = "x"
        leader.redis["phone:1002"] = "x"
        leader.redis["user:3"] = "y"
        leader.pass(["1 N1 1001", "3 N3 1003", "4 N4 1004"])
        #expect(leader.redis["user:2"] == nil && leader.redis["phone:1002"] == nil && leader.redis["user:3"] == "y")
        #expect(leader.refresh.rowCount == 3)
    }

    @Test("rows deleted while nobody led lose their keys too", arguments: Dataset.WriteMode.allCases)
    func deletedBefore(mode: Dataset.WriteMode) throws {
        let redis = FakeRedis()
        for key in ["user:1", "phone:1001", "user:2", "phone:1002", "user:7:avatar", "user:007", "other:2", "user:x"] {
            redis[key] = "?"
        }
        let leader = try Leader(try Fixture.users(mode: mode), redis)
        leader.pass(["1 N1 1001"], flags: mode == .invalidate ? [false] : nil)
        #expect(redis["user:2"] == nil && redis["phone:1002"] == nil)
        #expect(redis["user:1"] != nil && redis["phone:1001"] != nil)
        for key in ["user:7:avatar", "user:007", "other:2", "user:x"] { #expect(redis[key] == "?") }
    }

    @Test("a row with a filter that has left it keeps its keys, a deleted one does not")
    func filter() throws {
        let leader = try Leader(try Fixture.users(filter: "recent"))
        leader.redis["user:9"] = "older than the filter"
        leader.pass(Fixture.rows(4))
        #expect(leader.redis["user:9"] != nil)
        leader.pass(["1 N1 1001"], existing: ["2", "3"])
        #expect(
            leader.redis.keys == ["phone:1001", "phone:1002", "phone:1003", "user:1", "user:2", "user:3", "user:9"])
        #expect(leader.refresh.rowCount == 1)
        // Back in the filter, with changes.
        leader.pass(["1 N1 1001", "2 B 1002"])
        #expect(leader.redis["user:2"] == Fixture.json(2, "B", "1002"))
    }

    @Test("with a filter, a pass that failed before asking which rows still exist deletes nothing")
    func filterAborted() throws {
        let leader = try Leader(try Fixture.users(filter: "recent"))
        leader.pass(Fixture.rows(4))
        leader.pass(["1 N1 1001"], abort: .afterRead)
        leader.tick()
        #expect(leader.redis.keys.count == 8)
    }

    @Test("without a filter nobody is asked")
    func noFilter() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(4))
        #expect(leader.refresh.unseenIdentities == nil)
    }

    @Test("the brake holds what would delete more than half, and more than ten, until it stood long enough")
    func brake() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        leader.pass(Fixture.rows(9))
        #expect(leader.redis.keys.count == 40)
        #expect(leader.summary.keysHeld == 22 && leader.isHolding)
        leader.advance(.seconds(599))
        leader.pass(Fixture.rows(9))
        leader.advance(.milliseconds(999))
        leader.tick()
        #expect(leader.summary.keysHeld == 22)
        leader.advance(.milliseconds(1))
        leader.tick()
        #expect(leader.summary.keysHeld == 0 && leader.summary.keysDeleted == 22)
        #expect(!leader.isHolding)
        leader.pass(Fixture.rows(9))
        #expect(leader.redis.keys.count == 18 && leader.refresh.rowCount == 9)
    }

    @Test("the brake lets half go, and ten of anything")
    func harmless() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        leader.pass(Fixture.rows(10))
        #expect(leader.redis.keys.count == 20)
        leader.pass(Fixture.rows(5))
        #expect(leader.redis.keys.count == 10)
        leader.pass([])
        #expect(leader.redis.keys == [])
    }

    @Test("the brake lets go when an operator confirms, and is armed again after that")
    func brakeConfirmed() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        leader.pass([])
        leader.refresh.confirmDeletions(at: leader.redis.now)
        leader.tick()
        #expect(leader.redis.keys == [])
        leader.pass(Fixture.rows(20))
        leader.pass([])
        #expect(leader.redis.keys.count == 40)
    }

    @Test("the brake forgets when the rows come back")
    func brakeReset() throws {
        let leader = try Leader(try Fixture.users(ttl: .seconds(10_000)))
        leader.pass(Fixture.rows(20))
        leader.pass([])
        leader.advance(.seconds(400))
        leader.pass(Fixture.rows(20))
        #expect(!leader.isHolding && leader.redis.keys.count == 40)
        leader.advance(.seconds(400))
        leader.pass([])
        #expect(leader.redis.keys.count == 40)
    }

    @Test("changes are written while deletions are held, and held keys don't expire")
    func writesWhileHeld() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        for second in 0..<599 {
            leader.pass(["1 N\(second) 1001"])
            #expect(leader.redis["user:1"] == Fixture.json(1, "N\(second)", "1001"))
            leader.advance(.seconds(1))
        }
        #expect(leader.redis.keys.count == 40)
    }

    @Test("the brake holds keys of rows deleted while nobody led")
    func brakeOnInventory() throws {
        let redis = FakeRedis()
        for id in 1...30 { redis["user:\(id)"] = "?" }
        let leader = try Leader(try Fixture.users(), redis)
        leader.pass(["1 N1 1001"])
        #expect(leader.summary.keysHeld == 29 && redis.keys.count == 31)
        leader.refresh.confirmDeletions(at: redis.now)
        leader.tick()
        #expect(redis.keys == ["phone:1001", "user:1"])
    }

    @Test("failing passes between do not make the brake wait anew")
    func brakeAndFailures() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        leader.pass([])
        for _ in 0..<10 {
            leader.advance(.seconds(60))
            leader.pass([], abort: .afterRead)
            leader.tick()
            #expect(leader.redis.keys.count == 40)
        }
        leader.pass([])
        #expect(leader.redis.keys == [])
    }

    @Test("what is lost of a release goes without waiting again")
    func brakeAndLoss() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        leader.pass([])
        leader.refresh.confirmDeletions(at: leader.redis.now)
        leader.redis.fate = { _ in .lost }
        leader.tick()
        #expect(leader.redis.keys.count == 40 && leader.hasDueWork)
        leader.redis.fate = { _ in .answered }
        leader.tick()
        #expect(leader.redis.keys == [])
    }
}

import Testing

@testable import CacheRefresh

@Suite("What other people did to the cache, and the leader was told of")
struct DoubtTests {
    @Test("a key that was taken away comes back, and nothing else is written")
    func taken() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(3))
        leader.redis["phone:1002"] = nil
        leader.refresh.doubt(key: Array("phone:1002".utf8))
        #expect(leader.needsRead)
        leader.pass(Fixture.rows(3))
        #expect(leader.redis.log == ["S user:2", "S phone:1002"])
    }

    @Test("a key that was put back goes again if no row makes it")
    func putBack() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(3))
        for key in ["user:9", "phone:9", "user:x", "other:9"] {
            leader.redis.set(key, "old", ttl: .seconds(1000))
            leader.refresh.doubt(key: Array(key.utf8))
        }
        #expect(leader.hasDueWork && !leader.needsRead)
        leader.tick()
        #expect(leader.redis.keys.filter { leader.redis.contents[$0] == "old" } == ["other:9", "user:x"])
    }

    @Test("with a filter a key that no known row makes may still be some row's")
    func filtered() throws {
        let leader = try Leader(try Fixture.users(filter: "name <> ''"))
        leader.pass(Fixture.rows(3))
        leader.redis.set("user:9", "old", ttl: .seconds(1000))
        leader.refresh.doubt(key: Array("user:9".utf8))
        leader.tick()
        #expect(leader.redis.contents["user:9"] == "old")
    }

    @Test("what the brake holds is not waited for, and is written if it comes back")
    func held() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(20))
        leader.pass(Fixture.rows(2))
        #expect(leader.isHolding && !leader.needsRead)
        leader.redis["user:9"] = nil
        leader.refresh.doubtEverything()
        leader.pass(Fixture.rows(2))
        #expect(leader.isHolding && !leader.needsRead)
        leader.pass(Fixture.rows(20))
        #expect(leader.redis.keys.count == 40 && !leader.needsRead)
    }

    @Test("everything is compared, and what was to be deleted besides is not forgotten")
    func everything() throws {
        let leader = try Leader(try Fixture.users(filter: "name <> ''"))
        leader.pass(Fixture.rows(4))
        leader.redis.fate = { _ in .lost }
        leader.pass(Array(Fixture.rows(4).dropFirst()))
        leader.redis.fate = { _ in .answered }
        leader.redis["user:3"] = nil
        leader.redis.set("phone:1004", "old", ttl: .seconds(1000))
        leader.refresh.doubtEverything()
        #expect(leader.needsRead)
        leader.pass(Array(Fixture.rows(4).dropFirst()))
        #expect(leader.redis.keys == ["phone:1002", "phone:1003", "phone:1004", "user:2", "user:3", "user:4"])
        #expect(leader.redis.contents["phone:1004"] == "4")
        #expect(leader.isFirstPassDone && !leader.needsRead && !leader.hasDueWork)
    }
}

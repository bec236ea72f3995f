import Testing

@testable import CacheRefresh

@Suite("Passes that read some rows by identity")
struct ReadScopeTests {
    @Test("rows that were not asked for stay known and keep their keys", arguments: Dataset.WriteMode.allCases)
    func others(mode: Dataset.WriteMode) throws {
        let leader = try Leader(try Fixture.users(mode: mode))
        leader.pass(Fixture.rows(4))
        for id in 1...4 { leader.redis["user:\(id)"] = leader.redis["user:\(id)"] ?? "cached" }
        leader.pass(["2 Bob 1002", "5 Eve 1005"], of: ["2", "5"])
        #expect(leader.refresh.rowCount == 5 && leader.summary.rowsRead == 2 && leader.summary.rowsChanged == 2)
        #expect(["user:1", "user:3", "user:4"].allSatisfy(leader.redis.keys.contains))
        let asked = ["user:2", "phone:1002", "user:5", "phone:1005"]
        #expect(leader.redis.log.allSatisfy { asked.contains(String($0.dropFirst(2))) })
        leader.pass(["1 N1 1001", "2 Bob 1002", "3 N3 1003", "4 N4 1004", "5 Eve 1005"])
        #expect(leader.summary.rowsChanged == 0 && leader.redis.log == [], "nothing was forgotten")
    }

    @Test("a row that was asked for and does not come is gone", arguments: Dataset.WriteMode.allCases)
    func gone(mode: Dataset.WriteMode) throws {
        let leader = try Leader(try Fixture.users(mode: mode))
        leader.pass(Fixture.rows(4))
        for id in 1...4 { for key in ["user:\(id)", "phone:\(1000 + id)"] { leader.redis[key] = "cached" } }
        leader.pass(["3 N3 1003"], of: ["2", "3", "9", "2"])
        #expect(leader.redis.log == ["D user:2", "D phone:1002"])
        #expect(leader.refresh.rowCount == 3 && leader.summary.rowsDeleted == 1)
        leader.pass(["2 New 1002"], of: ["2"])
        #expect(leader.refresh.rowCount == 4, "it may come back")
        if mode == .upsert { #expect(leader.redis["user:2"] == Fixture.json(2, "New", "1002")) }
    }

    @Test("the brake holds what is gone, over passes that ask for other rows")
    func brake() throws {
        let leader = try Leader(try Fixture.users(ttl: .seconds(10_000)))
        leader.pass(Fixture.rows(20))
        let ids = (1...15).map { "\($0)" }
        leader.pass([], of: ids)
        #expect(leader.isHolding && leader.summary.keysHeld == 30 && leader.redis.keys.count == 40)
        leader.advance(.seconds(400))
        leader.pass(["3 N3 1003", "20 X 1020"], of: ["3", "20"])
        #expect(leader.isHolding && leader.summary.keysHeld == 28, "one of them is there again")
        leader.pass(["20 Y 1020"], of: ["20"], abort: .afterRead)
        leader.tick()
        #expect(leader.redis.keys.count == 40)
        leader.pass((16...20).map { "\($0) N\($0) \(1000 + $0)" } + ["3 N3 1003"])
        leader.advance(.seconds(200))
        leader.pass(["20 Z 1020"], of: ["20"])
        #expect(!leader.isHolding && leader.redis.keys.count == 12)
        #expect(leader.redis["user:3"] != nil && leader.redis["user:20"] == Fixture.json(20, "Z", "1020"))
    }

    // MARK: Keys that move

    @Test("phones that move among rows that are asked for survive", arguments: KeyOwnershipTests.orders)
    func rotation(order: [Int]) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200", "3 Cid 300", "4 Dan 400"])
        // The phone of 4, who is gone, goes to 3.
        let rows = ["1 Ann 200", "2 Bob 100", "3 Cid 400"]
        leader.pass(order.map { rows[$0] }, of: ["4", "3", "2", "1"], chunk: 1)
        #expect(
            leader.redis.contents.filter { $0.key.hasPrefix("phone") } == [
                "phone:100": "2", "phone:200": "1", "phone:400": "3",
            ])
        #expect(!leader.needsRead && !leader.hasDueWork)
    }

    @Test(
        "the key of a row that was not asked for is not stolen, and goes over once that row gives it up",
        arguments: [true, false])
    func refused(readsAll: Bool) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200"])
        leader.pass(["2 Bob 100"], of: ["2"])
        #expect(leader.redis["phone:100"] == "1" && leader.redis["phone:200"] == nil)
        #expect(leader.summary.rowsContested == 1 && !leader.needsRead)
        leader.pass(["1 Ann 300"], of: ["1"])
        #expect(leader.redis["phone:300"] == "1")
        #expect(leader.redis["phone:100"] != nil, "it is not deleted as long as another row may make it")
        #expect(leader.needsRead)
        leader.pass(["1 Ann 300", "2 Bob 100"].suffix(readsAll ? 2 : 1), of: readsAll ? nil : ["2"])
        #expect(leader.redis["phone:100"] == "2" && !leader.needsRead && !leader.hasDueWork)
        #expect(leader.redis.log == ["S phone:100"])
    }

    @Test(
        "the lowest identity gets a key from a row that was not asked for, which gets it back",
        arguments: [true, false])
    func taken(isDeleted: Bool) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann \\N", "2 Bob 200"])
        leader.pass(["1 Ann 200"], of: ["1"])
        #expect(leader.redis["phone:200"] == "1" && leader.summary.rowsContested == 1 && !leader.needsRead)
        leader.pass(isDeleted ? [] : ["1 Ann 300"], of: ["1"])
        #expect(leader.needsRead && leader.redis["phone:200"] != nil)
        leader.pass(["2 Bob 200"], of: ["2"])
        #expect(leader.redis["phone:200"] == "2" && !leader.needsRead && !leader.hasDueWork)
        #expect((leader.redis["user:1"] == nil) == isDeleted)
    }

    // MARK: What is left to do

    @Test("rows that Redis did not get are clean once they are read, each of them")
    func dirty() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(3))
        leader.redis.fate = { _ in .lost }
        leader.pass(["1 A 1001", "2 B 1002"], of: ["1", "2"])
        leader.redis.fate = { _ in .answered }
        leader.pass(["1 A 1001"], of: ["1"])
        #expect(leader.needsRead && leader.redis["user:1"] == Fixture.json(1, "A", "1001"))
        leader.pass(["2 B 1002"], of: ["2"])
        #expect(!leader.needsRead && leader.redis["user:2"] == Fixture.json(2, "B", "1002"))
    }

    @Test("after a pass that failed nothing is deleted before all rows were read", arguments: [["2"], nil])
    func abandoned(identities: [String]?) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200", "3 Cid 300"])
        // 3 has the phone of 2 now, which nobody learns.
        #expect(!leader.pass(["2 Bob 400"], of: identities, chunk: 1, abort: .afterChunk(1)))
        leader.pass([], of: ["1"])
        leader.tick()
        #expect(leader.needsRead && !leader.redis.log.contains { $0.hasPrefix("D") })
        #expect(["user:1", "phone:100", "phone:200"].allSatisfy(leader.redis.keys.contains))
        leader.pass(["2 Bob 400", "3 Cid 200"])
        #expect(leader.redis.keys == ["phone:200", "phone:400", "user:2", "user:3"] && !leader.needsRead)
        #expect(leader.redis["phone:200"] == "3")
    }

    @Test("a mark stays where it was, and is not written while a key waits for the row that may make it")
    func mark() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200"])
        leader.refresh.passed(Fixture.mark(5))
        leader.pass(["2 Bob 100"], of: ["2"])
        leader.pass(["1 Ann 300"], of: ["1"])
        #expect(leader.needsRead && leader.dueMark == nil)
        leader.pass(["2 Bob 100"], of: ["2"])
        #expect(leader.dueMark == Fixture.mark(5))
    }

    @Test("keys are renewed whichever rows are read")
    func renewals() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(3))
        for _ in 0..<300 {
            leader.advance(.seconds(1))
            leader.pass(["2 N2 1002"], of: ["2"])
            #expect(leader.redis.keys.count == 6)
        }
    }

    @Test("only a pass of all rows looks at the keys that are there again")
    func looks() throws {
        let leader = try Leader(try Fixture.users(mode: .invalidate, repeatLateAfter: .seconds(30)))
        leader.pass(Fixture.rows(2))
        leader.advance(.seconds(2))
        leader.redis["user:9"] = "brought back"
        leader.pass(["1 N1 1001"], of: ["1"])
        #expect(leader.redis["user:9"] != nil && leader.needsRead)
        leader.pass(Fixture.rows(2))
        #expect(leader.redis["user:9"] == nil && !leader.needsRead)
    }

    @Test("with a filter, a row that was asked for and only left it keeps its keys")
    func filter() throws {
        let leader = try Leader(try Fixture.users(filter: "recent"))
        leader.pass(Fixture.rows(4))
        leader.pass([], of: ["1", "2"], existing: ["2"])
        #expect(leader.refresh.rowCount == 2)
        #expect(leader.redis.keys.filter { $0.hasPrefix("user") } == ["user:2", "user:3", "user:4"])
    }

    @Test("rows without an identity stay listed until all rows are read")
    func nameless() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "\\N Bob 200"])
        leader.pass(["1 Anna 100"], of: ["1"])
        #expect(leader.summary.rowsSetAside == 1 && leader.setAside.map(\.reason) == [.nullIdentity])
        leader.pass(["1 Anna 100"])
        #expect(leader.summary.rowsSetAside == 0)
    }

    @Test("a row is read after however many passes that did not ask for it", arguments: [65_534, 65_535])
    func manyPasses(count: Int) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100"])
        for _ in 0..<count { leader.pass([], of: []) }
        leader.pass(["1 Eve 100"], of: ["1"])
        #expect(leader.redis["user:1"] == Fixture.json(1, "Eve", "100"))
    }

    @Test("a first pass of some rows traps")
    func firstPass() async {
        await #expect(processExitsWith: .failure) {
            try Leader(try Fixture.users()).pass(["1 Ann 100"], of: ["1"])
        }
    }
}

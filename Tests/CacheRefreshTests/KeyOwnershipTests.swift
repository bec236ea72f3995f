import Testing

@testable import CacheRefresh

@Suite("Keys that move from row to row")
struct KeyOwnershipTests {
    /// All orders of three rows.
    static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

    private func pass(_ leader: Leader, _ rows: [String], _ order: [Int]) {
        leader.pass(order.filter(rows.indices.contains).map { rows[$0] }, chunk: 1)
    }

    @Test("an old key dies")
    func oldKey() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100"])
        leader.pass(["1 Ann 101"])
        #expect(leader.redis.keys == ["phone:101", "user:1"])
        leader.pass(["1 Ann \\N"])
        #expect(leader.redis.keys == ["user:1"])
        leader.pass(["1 Ann 100"])
        #expect(leader.redis.keys == ["phone:100", "user:1"])
    }

    @Test("a phone swapped between two users survives", arguments: orders)
    func swap(order: [Int]) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200", "3 Cid 300"])
        pass(leader, ["1 Ann 200", "2 Bob 100", "3 Cid 300"], order)
        #expect(leader.redis["phone:100"] == "2" && leader.redis["phone:200"] == "1")
        #expect(leader.redis.keys.count == 6)
        #expect(!leader.redis.log.contains { $0.hasPrefix("D") })
    }

    @Test("phones that rotate among three users survive, both ways around", arguments: orders, [true, false])
    func rotation(order: [Int], isForward: Bool) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200", "3 Cid 300"])
        let phones = isForward ? [200, 300, 100] : [300, 100, 200]
        pass(leader, ["1 Ann \(phones[0])", "2 Bob \(phones[1])", "3 Cid \(phones[2])"], order)
        for (id, phone) in zip(1...3, phones) { #expect(leader.redis["phone:\(phone)"] == "\(id)") }
        #expect(leader.redis.keys.count == 6)
        leader.pass(["1 Ann \(phones[0])", "2 Bob \(phones[1])", "3 Cid \(phones[2])"])
        #expect(leader.redis.log == [])
    }

    @Test("a phone is handed down a chain, and its last owner's old one dies", arguments: orders)
    func chain(order: [Int]) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 200", "3 Cid 300"])
        pass(leader, ["1 Ann 200", "2 Bob 300", "3 Cid 400"], order)
        #expect(
            leader.redis.contents.filter { $0.key.hasPrefix("phone") } == [
                "phone:200": "1", "phone:300": "2", "phone:400": "3",
            ])
    }

    @Test(
        "the phone of a deleted user goes to who has it now", arguments: [[0, 1], [1, 0]], [("1", "2"), ("2", "1")])
    func inherited(order: [Int], ids: (String, String)) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["\(ids.0) Old 100", "\(ids.1) New 200", "3 Cid 300"])
        pass(leader, ["\(ids.1) New 100", "3 Cid 300"], order)
        #expect(leader.redis.contents.filter { $0.key.hasPrefix("phone") } == ["phone:100": ids.1, "phone:300": "3"])
        #expect(leader.redis["user:\(ids.0)"] == nil)
    }

    @Test("where two rows make one key the lowest identity wins, in every order", arguments: orders, orders)
    func lowestWins(first: [Int], second: [Int]) throws {
        let rows = ["9 Ann 100", "10 Bob 100", "11 Cid 100"]
        let leader = try Leader(try Fixture.users())
        pass(leader, rows, first)
        #expect(leader.redis["phone:100"] == "9")
        #expect(leader.summary.rowsContested == 2)
        pass(leader, rows, second)
        #expect(leader.redis["phone:100"] == "9")
        #expect(leader.summary.rowsContested == 2)
        #expect(leader.redis.log == [], "losers are looked at again, but cost no write")
        let successor = try Leader(try Fixture.users(), leader.redis)
        pass(successor, rows, second)
        #expect(leader.redis["phone:100"] == "9")
    }

    @Test("the loser gets the key when the winner is deleted, or moves on", arguments: orders, [nil, "200"])
    func loserInherits(order: [Int], winnersPhone: String?) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob 100", "3 Cid 300"])
        let rows = (winnersPhone.map { ["1 Ann \($0)"] } ?? []) + ["2 Bob 100", "3 Cid 300"]
        pass(leader, rows, order)
        #expect(leader.redis["phone:100"] == "2")
        #expect(leader.redis["phone:200"] == winnersPhone.map { _ in "1" })
        #expect(leader.summary.rowsContested == 0)
    }

    @Test("a late winner takes the key, and gives it back when it goes", arguments: orders, orders)
    func lateWinner(arrival: [Int], departure: [Int]) throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["2 Bob 100", "3 Cid 300"])
        pass(leader, ["1 Ann 100", "2 Bob 100", "3 Cid 300"], arrival)
        #expect(leader.redis["phone:100"] == "1")
        pass(leader, ["1 Ann 400", "2 Bob 100", "3 Cid 300"], departure)
        #expect(leader.redis["phone:100"] == "2")
        #expect(leader.redis["phone:400"] == "1")
    }

    @Test("losing a key postpones no renewal", arguments: [["1 Ann 100", "2 Bob 100"], ["2 Bob 100", "1 Ann 100"]])
    func contestedRenewal(rows: [String]) throws {
        let leader = try Leader(try Fixture.users())
        for _ in 0..<300 {
            leader.pass(rows)
            leader.advance(.seconds(1))
            #expect(leader.redis.keys == ["phone:100", "user:1", "user:2"])
        }
    }

    @Test("an identity that names two rows: the one that came first stays, and the other is counted")
    func repeatedIdentity() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "1 Bob 200"])
        #expect(leader.redis.contents == ["user:1": Fixture.json(1, "Ann", "100"), "phone:100": "1"])
        #expect(leader.summary.rowsContested == 1)
    }

    @Test("many claims may wait for their owners; what is too much waits for the next pass")
    func manyDeferred() throws {
        var dataset = try Fixture.users()
        dataset.keys = [.init(template: try KeyTemplate("phone:{phone}"), value: .row)]
        let leader = try Leader(dataset)
        let name = String(repeating: "x", count: KeyClaims.maximumDeferredBytes / 16)
        let ids = 1...24
        leader.pass(ids.map { "\($0) \(name) \(100 + $0)" })
        // Each row wants the phone of the one before it, which is read later.
        let moved = ids.reversed().map { "\($0) \(name) \($0 == 1 ? 124 : 99 + $0)" }
        leader.pass(moved)
        #expect(leader.needsRead)
        leader.pass(moved)
        #expect(!leader.needsRead)
        let prefixes = leader.redis.contents.mapValues { String($0.prefix { $0 != "," }) }
        #expect(
            prefixes
                == Dictionary(uniqueKeysWithValues: ids.map { ("phone:\($0 == 1 ? 124 : 99 + $0)", "{\"id\":\($0)") }))
    }
}

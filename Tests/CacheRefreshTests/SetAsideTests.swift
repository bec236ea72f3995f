import Testing

@testable import CacheRefresh

@Suite("Rows that are set aside")
struct SetAsideTests {
    /// What may be wrong with a row.
    enum Flaw: CaseIterable {
        case largeValue, emptyKey, longKey

        /// User 2 with this flaw.
        var row: String {
            switch self {
            case .largeValue: "2 \(String(repeating: "x", count: 2000)) 200"
            case .emptyKey: "2 Bob "
            case .longKey: "2 Bob \(String(repeating: "1", count: 70_000))"
            }
        }

        var reason: SetAside.Reason {
            switch self {
            case .largeValue: .valueTooLarge(bytes: Fixture.json(2, "", "200").utf8.count + 2000)
            case .emptyKey: .emptyKeyColumn
            case .longKey: .keyTooLong(bytes: "phone:".utf8.count + 70_000)
            }
        }

        func users() throws -> Dataset {
            try Fixture.users(maxValueBytes: self == .largeValue ? 1000 : 100_000)
        }
    }

    @Test("keep their old key, are listed, never stop the pass, and recover", arguments: Flaw.allCases)
    func setAside(flaw: Flaw) throws {
        let (row, reason) = (flaw.row, flaw.reason)
        let leader = try Leader(try flaw.users())
        leader.pass(["1 Ann 100", "2 Bob 200", "3 Cid 300"])
        leader.pass(["1 Anna 100", row, "3 Cindy 300"])
        #expect(leader.setAside == [SetAside(identity: "2", reason: reason)])
        #expect(leader.summary.rowsSetAside == 1)
        #expect(leader.redis["user:2"] == Fixture.json(2, "Bob", "200") && leader.redis["phone:200"] == "2")
        #expect(leader.redis["user:1"] == Fixture.json(1, "Anna", "100"))
        #expect(leader.redis["user:3"] == Fixture.json(3, "Cindy", "300"))
        // It stays so, without work, for as long as the row does.
        for _ in 0..<60 {
            leader.advance(.seconds(4))
            leader.pass(["1 Anna 100", row, "3 Cindy 300"])
            #expect(leader.redis.log.allSatisfy { $0.hasPrefix("T") })
            #expect(leader.summary.rowsSetAside == 1)
            #expect(leader.redis.keys.count == 6)
        }
        leader.pass(["1 Anna 100", "2 Bob 200", "3 Cindy 300"])
        #expect(leader.setAside == [] && leader.summary.rowsSetAside == 0)
        #expect(leader.redis["user:2"] == Fixture.json(2, "Bob", "200"))
        leader.pass(["1 Anna 100", row, "3 Cindy 300"])
        leader.pass(["1 Anna 100", "3 Cindy 300"])
        #expect(leader.setAside == [] && leader.summary.rowsSetAside == 0)
        #expect(leader.redis.keys.count == 4)
    }

    @Test("keep their old key under a new leader too", arguments: Flaw.allCases)
    func takeover(flaw: Flaw) throws {
        let redis = FakeRedis()
        try Leader(try flaw.users(), redis).pass(["1 Ann 100", "2 Bob 200"])
        let successor = try Leader(try flaw.users(), redis)
        for _ in 0..<60 {
            successor.pass(["1 Ann 100", flaw.row])
            successor.advance(.seconds(4))
        }
        #expect(redis["user:2"] == Fixture.json(2, "Bob", "200"))
        #expect(successor.setAside.map(\.reason) == [flaw.reason])
    }

    @Test("are set aside where the server says how large a row is instead of sending it", arguments: [false, true])
    func leftOut(isHash: Bool) throws {
        let leader = try Leader(try Fixture.users(format: isHash ? .hash : .json))
        leader.pass(["1 Ann 100 \\N", "2 Bob 200 \\N"])
        let old = leader.redis["user:2"]
        #expect(leader.redis.keys.count == 4 && leader.summary.rowsSetAside == 0)
        leader.pass(["1 Anna 100 \\N", "2 \\N 200 262144000", "3 Cid 300 \\N"])
        #expect(leader.setAside == [SetAside(identity: "2", reason: .valueTooLarge(bytes: 262_144_000))])
        #expect(leader.redis["user:2"] == old && leader.redis.keys.count == 6)
        leader.pass(["1 Anna 100 \\N", "2 Bea 200 \\N", "3 Cid 300 \\N"])
        #expect(leader.setAside == [] && leader.redis["user:2"] != old)
    }

    @Test("are set aside where Redis refuses a value, and later ones as large are not sent", arguments: [false, true])
    func refused(isHash: Bool) throws {
        let leader = try Leader(try Fixture.users(format: isHash ? .hash : .json))
        leader.refresh.beginPass()
        let large = String(repeating: "x", count: 300_000)
        let lines = Fixture.line("1 Ann 100") + Fixture.line("2 \(large) 200") + Fixture.line("3 Cid 300")
        lines.withUnsafeBytes { leader.refresh.take($0, at: leader.redis.now) }
        leader.refresh.endRead(at: leader.redis.now)
        leader.refresh.settle(at: leader.redis.now)
        var refused = 0
        while let batch = leader.refresh.nextBatch(at: leader.redis.now) {
            if batch.byteCount > 300_000 {
                #expect(batch.count == 1, "it can be told which one it was")
                leader.refresh.refuse(batch, at: leader.redis.now)
                refused += 1
            } else if let outcome = leader.redis.execute(batch) {
                leader.refresh.acknowledge(batch, outcome, at: leader.redis.now)
            }
        }
        leader.refresh.finishPass()
        #expect(refused == 1 && leader.setAside.map(\.identity) == ["2"])
        #expect(leader.setAside.allSatisfy { "\($0.reason)".contains("proto-max-bulk-len") })
        #expect(!leader.needsRead && leader.redis["user:3"] != nil && leader.redis["user:2"] == nil)
        leader.pass(["1 Ann 100", "2 \(large) 200", "3 \(large)y 300", "4 \(large.dropLast(20000)) 400"])
        #expect(leader.setAside.map(\.identity) == ["2", "3"])
        #expect(leader.redis["user:4"] != nil, "smaller ones are tried")
    }

    @Test("are set aside where a part of the identity is NULL")
    func nullIdentity() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "\\N Bob 200"])
        #expect(leader.redis.keys == ["phone:100", "user:1"])
        #expect(leader.setAside == [SetAside(identity: "\\N", reason: .nullIdentity)])
        #expect(leader.summary.rowsSetAside == 1)
        leader.pass(["1 Ann 100"])
        #expect(leader.setAside == [] && leader.summary.rowsSetAside == 0)
    }

    @Test("are set aside where the identity is enormous")
    func longIdentity() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "\(String(repeating: "9", count: 70_000)) Bob 200"])
        #expect(leader.redis.keys == ["phone:100", "user:1"])
        #expect(leader.setAside.map(\.reason) == [.keyTooLong(bytes: 70_000)])
        #expect(leader.setAside.allSatisfy { $0.identity.utf8.count < 200 })
    }

    @Test("are none where keys are only unlinked: what can be named is", arguments: Flaw.allCases)
    func invalidate(flaw: Flaw) throws {
        var dataset = try flaw.users()
        dataset.mode = .invalidate
        let leader = try Leader(dataset)
        for rows in [["2 Bob 200"], ["2 Bob 200"], [flaw.row]] {
            leader.redis["user:2"] = "cached"
            leader.redis["phone:200"] = "cached"
            leader.pass(rows)
        }
        #expect(leader.redis["user:2"] == nil)
        #expect(leader.redis["phone:200"] == nil)
        #expect(leader.setAside == [] && leader.summary.rowsSetAside == 0)
    }

    @Test("are set aside where bytes are not UTF-8, in a database that does not promise it")
    func notUTF8() throws {
        let leader = try Leader(try Fixture.users(), validatesUTF8: true)
        leader.pass(["1 Ann 100", "2 Bob 200"])
        leader.refresh.beginPass()
        let lines: [UInt8] = Fixture.line("1 Ann 100") + Array("2\tB".utf8) + [0xFF] + Array("b\t200\n".utf8)
        lines.withUnsafeBytes { leader.refresh.take($0, at: leader.redis.now) }
        leader.refresh.endRead(at: leader.redis.now)
        leader.tick()
        #expect(leader.setAside == [SetAside(identity: "2", reason: .notUTF8)])
        #expect(leader.redis["user:2"] == Fixture.json(2, "Bob", "200"))
    }

    @Test("are set aside where a line has fewer fields than were asked for, and nothing traps")
    func wrongLines() throws {
        for mode in Dataset.WriteMode.allCases {
            var dataset = try Fixture.users()
            dataset.mode = mode
            dataset.identity = ["id", "name"]
            let leader = try Leader(dataset)
            leader.pass(["1 Ann 100", "2 Bob 200"])
            for text in ["2", "2\tBob", "", "\t", "\\", "\\N"] {
                leader.refresh.beginPass()
                Array("\(text)\n".utf8).withUnsafeBytes { leader.refresh.take($0, at: leader.redis.now) }
                leader.refresh.endRead(at: leader.redis.now)
                leader.tick()
                #expect(leader.summary.rowsSetAside == 1, "\(mode), \(text)")
            }
        }
    }

    @Test("are all counted, and a hundred of them listed")
    func many() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass((1...250).map { "\($0) Ann " } + (1...20).map { "\\N Ann \($0)" })
        #expect(leader.summary.rowsSetAside == 270)
        #expect(leader.setAside.count == 100)
    }
}

import Testing

@testable import CacheRefresh

@Suite("Writing and renewing")
struct WritingTests {
    @Test("a pass makes each key equal to its row")
    func writes() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(["1 Ann 100", "2 Bob \\N"])
        #expect(
            leader.redis.contents == [
                "user:1": Fixture.json(1, "Ann", "100"), "user:2": Fixture.json(2, "Bob", nil), "phone:100": "1",
            ])
        leader.pass(["1 Anna 100", "2 Bob 200"])
        #expect(leader.redis.log == ["S user:1", "S phone:100", "S user:2", "S phone:200"])
        #expect(leader.redis["user:1"] == Fixture.json(1, "Anna", "100"))
        #expect(leader.summary.rowsChanged == 2)
    }

    @Test("a row can be a hash, without the fields that are NULL")
    func hashes() throws {
        let leader = try Leader(try Fixture.users(format: .hash))
        leader.pass(["1 Ann 100", "2 Bob \\N"])
        #expect(
            leader.redis.contents == ["user:1": "id=1 name=Ann phone=100", "user:2": "id=2 name=Bob", "phone:100": "1"])
        leader.pass(["1 Ann \\N", "2 Bob \\N"])
        #expect(leader.redis["user:1"] == "id=1 name=Ann")
    }

    @Test("unchanged rows cost no write", arguments: Dataset.WriteMode.allCases)
    func unchanged(mode: Dataset.WriteMode) throws {
        let leader = try Leader(try Fixture.users(mode: mode))
        leader.pass(Fixture.rows(500), chunk: 100)
        // Changes of the first pass are repeated once, where that is due.
        for _ in 0..<3 {
            leader.advance(.seconds(3))
            leader.pass(Fixture.rows(500), chunk: 100)
        }
        #expect(leader.redis.log == [])
        #expect(leader.summary == PassSummary.read(500))
        #expect(!leader.needsRead && !leader.hasDueWork)
    }

    @Test("TTLs are spread around the configured one, the same for a row each time")
    func jitter() throws {
        let leader = try Leader(try Fixture.users(ttl: .seconds(1000), ttlJitter: 0.05))
        leader.pass(Fixture.rows(300))
        let ttls = try (1...300).map { try #require(leader.redis.ttl(of: "user:\($0)")) }
        #expect(ttls.allSatisfy { $0 >= .seconds(950) && $0 <= .seconds(1050) })
        #expect((50...64).contains(Set(ttls).count))
        #expect(ttls.min()! < .seconds(960) && ttls.max()! > .seconds(1040))
        leader.pass((1...300).map { "\($0) X\($0) \(1000 + $0)" })
        #expect(try (1...300).map { try #require(leader.redis.ttl(of: "user:\($0)")) } == ttls)
    }

    @Test("TTLs are renewed near their half-life, and no key ever expires")
    func renewal() throws {
        let leader = try Leader(try Fixture.users(ttlJitter: 0.05))
        leader.pass(Fixture.rows(20))
        leader.advance(.seconds(40))
        leader.pass(Fixture.rows(20))
        #expect(leader.redis.log == [])
        leader.advance(.seconds(20))
        #expect(leader.hasDueWork)
        leader.tick()
        #expect(leader.redis.log.count == 40 && leader.redis.log.allSatisfy { $0.hasPrefix("T ") })
        #expect(leader.summary.keysRenewed == 40)
        #expect(!leader.hasDueWork)
        for _ in 0..<500 {
            leader.advance(.seconds(1))
            leader.tick()
            #expect(leader.redis.keys.count == 40)
        }
    }

    @Test("a renewal that finds no key marks the row dirty, and the next pass writes it again")
    func missing() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(5))
        leader.redis["user:3"] = nil
        leader.pass(Fixture.rows(5))
        #expect(leader.redis["user:3"] == nil && !leader.needsRead)
        leader.advance(.seconds(51))
        leader.tick()
        #expect(leader.needsRead)
        leader.pass(Fixture.rows(5))
        #expect(leader.redis.log == ["S user:3", "S phone:1003"])
        #expect(leader.redis.keys.count == 10)
    }

    @Test("in a term's first pass, what is already right is not written again")
    func kept() throws {
        let redis = FakeRedis()
        try Leader(try Fixture.users(), redis).pass(Fixture.rows(4))
        redis.now += .seconds(30)
        redis["user:2"] = "wrong"
        let successor = try Leader(try Fixture.users(), redis)
        successor.pass(Fixture.rows(4))
        #expect(successor.summary.keysKept == 7)
        #expect(successor.summary.keysWritten == 1)
        #expect(redis["user:2"] == Fixture.json(2, "N2", "1002"))
        #expect(redis.ttl(of: "user:1") == .seconds(70))
        // Their TTLs are known: half of the 100 s is left 20 s from now.
        redis.now += .seconds(19)
        successor.tick()
        #expect(redis.log == [])
        redis.now += .seconds(2)
        successor.tick()
        #expect(redis.log.contains("T user:1") && redis.log.contains("T phone:1004"))
        #expect(redis.ttl(of: "user:1") == .seconds(100))
    }

    @Test("keys without a TTL, or with too long a one, get the right one")
    func foreignTTLs() throws {
        let leader = try Leader(try Fixture.users())
        leader.redis.set("user:1", Fixture.json(1, "Ann", "100"), ttl: .seconds(100_000))
        leader.redis["phone:100"] = "1"
        leader.pass(["1 Ann 100"])
        #expect(leader.redis.ttl(of: "phone:100") == .seconds(100))
        leader.advance(.seconds(51))
        leader.tick()
        #expect(leader.redis.ttl(of: "user:1") == .seconds(100))
    }

    @Test("an empty target is written without being compared")
    func writing() throws {
        let leader = try Leader(try Fixture.users(), opening: .writing)
        leader.pass(["1 Ann 100"])
        #expect(leader.redis.log == ["S user:1", "S phone:100"])
        #expect(leader.isFirstPassDone)
    }

    @Test("batches hold at most 200 keys")
    func keysInBatch() throws {
        let leader = try Leader(try Fixture.users())
        leader.pass(Fixture.rows(1000), chunk: 1000)
        #expect(leader.redis.batches.map(\.count) == Array(repeating: 200, count: 10))
        leader.pass([])
        leader.redis.now += .seconds(601)
        leader.pass([])
        #expect(leader.redis.batches.map(\.count) == Array(repeating: 200, count: 10))
    }

    @Test("batches hold at most 256 KiB, and a larger value is a batch of its own", arguments: Dataset.Format.allCases)
    func bytesInBatch(format: Dataset.Format) throws {
        let leader = try Leader(try Fixture.users(format: format))
        let sizes = [90_000, 90_000, 90_000, 10, 300_000, 10, 10, 400_000, 500_000, 10]
        leader.pass(
            sizes.enumerated().map { "\($0) \(String(repeating: "x", count: $1)) \\N" }, chunk: sizes.count)
        #expect(leader.redis.batches.map(\.count) == [2, 2, 1, 2, 1, 1, 1])
        for batch in leader.redis.batches {
            #expect(batch.count == 1 || batch.byteCount <= WriteBatch.maximumBytes)
        }
        #expect(leader.redis.keys.count == sizes.count)
    }

    @Test("large single columns count too")
    func columnBytesInBatch() throws {
        var dataset = try Fixture.users()
        dataset.keys = [.init(template: try KeyTemplate("name:{id}"), value: .column("name"))]
        let leader = try Leader(dataset)
        leader.pass((1...10).map { "\($0) \(String(repeating: "x", count: 100_000)) \\N" }, chunk: 10)
        #expect(leader.redis.batches.map(\.count) == [2, 2, 2, 2, 2])
    }

    @Test("many short values of a hash with long names stay within the limit")
    func hashNamesInBatch() throws {
        let leader = try Leader(try Fixture.users(format: .hash))
        leader.pass((1...200).map { "\($0) \(String(repeating: "\u{1}", count: 1300)) \\N" }, chunk: 200)
        #expect(leader.redis.batches.allSatisfy { $0.byteCount <= WriteBatch.maximumBytes })
    }
}

extension PassSummary {
    /// A pass that read so many rows and found nothing to do.
    static func read(_ rows: Int) -> PassSummary {
        var summary = PassSummary()
        summary.rowsRead = rows
        return summary
    }
}

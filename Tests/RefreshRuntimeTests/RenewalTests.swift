import CacheRefresh
import DatasetReading
import RedisClient
import RefreshRuntime
import TestSupport
import Testing

@testable import GroupState

@Suite("TTLs and the brake")
struct RenewalTests {
    static let schema = """
        create table t (id int primary key, v text); insert into t select n, 'row ' || n from generate_series(1, 40) n
        """

    private func ttls(_ world: RefreshWorld) async throws -> [Int64] {
        var ttls: [Int64] = []
        for key in try await world.keyNames() { ttls.append(try await world.command("PTTL", key).int ?? 0) }
        return ttls
    }

    @Test(
        "TTLs differ from row to row, are renewed near half of their time, and nothing else is written for it",
        arguments: [Dataset.Format.json, .hash])
    func halfLife(_ format: Dataset.Format) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], format: format, ttl: .seconds(1000)))
            try await leader.tick()
            let first = try await ttls(world)
            #expect(first.allSatisfy { (900_000...1_050_000).contains($0) })
            #expect(Set(first.map { $0 / 1000 }).count > 5)
            world.clock.advance(by: .seconds(400))
            #expect(try await leader.tick()?.keysRenewed ?? 0 == 0)
            for key in try await world.keyNames() { try await world.command("PEXPIRE", key, "500000") }
            world.clock.advance(by: .seconds(160))
            let summary = try #require(try await leader.tick())
            #expect(summary.keysRenewed == 40 && summary.keysWritten == 0)
            #expect(try await ttls(world).allSatisfy { (900_000...1_050_000).contains($0) })
            #expect(try await leader.tick()?.keysRenewed ?? 0 == 0)
        }
    }

    @Test("A key that vanished is noticed by its renewal, and written by the next pass")
    func vanished() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], ttl: .seconds(1000)))
            try await leader.tick()
            try await world.command("DEL", "t:7")
            try await leader.tick()
            #expect(try await world.get("t:7") == nil)
            world.clock.advance(by: .seconds(560))
            try await leader.tick()
            let summary = try #require(try await leader.tick())
            #expect(summary.keysWritten == 1)
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    @Test("Fields of a hash that are gone are noticed by its renewal, which ends the TTLs that others gave to fields")
    func fields() async throws {
        let schema = """
            create table t (id int primary key, v text, w text);
            insert into t select n, 'row ' || n, nullif(n, 3)::text from generate_series(1, 5) n
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], format: .hash, ttl: .seconds(1000)))
            try await leader.tick()
            try await world.command("HDEL", "t:1", "v")
            try await world.command("HSET", "t:2", "foreign", "x")
            // Known since Redis 7.4 and Valkey 9; a field that expires is as if it had been deleted.
            let hasFieldTTLs = try await world.command("COMMAND", "INFO", "HPEXPIRE").array?.first?.array != nil
            if hasFieldTTLs {
                try await world.command("HPEXPIRE", "t:3", "1", "FIELDS", "1", "v")
                try await world.command("HPEXPIRE", "t:4", "600000", "FIELDS", "2", "v", "w")
            }
            world.clock.advance(by: .seconds(560))
            try await leader.tick()
            let summary = try #require(try await leader.tick())
            #expect(summary.keysWritten == (hasFieldTTLs ? 3 : 2))
            for id in 1...5 {
                #expect(try await world.command("HGET", "t:\(id)", "v").string == "row \(id)")
                #expect(try await world.command("HGET", "t:\(id)", "w").string == (id == 3 ? nil : "\(id)"))
                #expect(try await world.command("HLEN", "t:\(id)").int == (id == 3 ? 2 : 3))
                #expect(try await world.command("PTTL", "t:\(id)").int ?? 0 > 900_000)
                guard hasFieldTTLs else { continue }
                #expect(try await world.command("HPTTL", "t:\(id)", "FIELDS", "1", "v").array?.first?.int == -1)
            }
            world.clock.advance(by: .seconds(560))
            try await leader.tick()
            #expect(try await leader.tick()?.keysWritten ?? 0 == 0)
        }
    }

    @Test("A takeover learns the TTLs that keys have left, and renews those that need it")
    func takeover() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], ttl: .seconds(1000))
            try await world.leader(of: dataset).tick()
            try await world.command("PEXPIRE", "t:1", "30000")
            try await world.command("PERSIST", "t:2")
            let successor = try await world.leader(of: dataset)
            let summary = try #require(try await successor.tick())
            #expect(summary.keysKept == 40 && summary.keysWritten == 0)
            try await successor.tick()
            #expect((900_000...1_050_000).contains(try await world.command("PTTL", "t:1").int ?? 0))
            #expect((900_000...1_050_000).contains(try await world.command("PTTL", "t:2").int ?? 0))
        }
    }

    // MARK: The brake

    private func confirm(_ world: RefreshWorld) async throws {
        try await world.command("HSET", world.keys.requests, GroupKeys.confirmation(of: "t"), "1")
    }

    /// How held deletions may end.
    enum Release: String, CaseIterable, Sendable { case time, confirmation, rowsComeBack }

    @Test(
        "Suspiciously many deletions are held until they stood long enough or are confirmed",
        arguments: Release.allCases)
    func brake(_ release: Release) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], ttl: .seconds(1000)))
            try await leader.tick()
            try await confirm(world)  // given before anything was held: it does not count
            try await world.sql("create table backup as select * from t; truncate t; insert into t values (50, 'new')")
            let summary = try #require(try await leader.tick())
            #expect(summary.keysHeld == 40 && summary.keysDeleted == 0 && summary.keysWritten == 1)
            for seconds in [1, 300, 298] {
                world.clock.advance(by: .seconds(seconds))
                try await leader.tick()
                #expect(try await world.keyNames().count == 41)
            }
            // Held keys are renewed: they must not go by expiry.
            #expect(try await ttls(world).allSatisfy { $0 > 900_000 })
            switch release {
            case .time: world.clock.advance(by: .seconds(2))
            case .confirmation: try await confirm(world)
            case .rowsComeBack: try await world.sql("insert into t select * from backup")
            }
            try await leader.tick()
            #expect(try await world.keyNames().count == (release == .rowsComeBack ? 41 : 1))
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(try await world.command("HEXISTS", world.keys.requests, GroupKeys.confirmation(of: "t")).int == 0)
            // It is armed again.
            if release == .rowsComeBack {
                try await confirm(world)
                try await world.sql("delete from t where id > 5")
                #expect(try await leader.tick()?.keysHeld == 36)
            }
        }
    }

    @Test("A confirmation is worth nothing for what is held anew after all was forgotten")
    func confirmedBeforeForgetting() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], ttl: .seconds(1000)))
            try await leader.tick()
            try await world.sql("truncate t; insert into t values (50, 'new')")
            for _ in 0..<2 { #expect(try await leader.tick()?.keysDeleted == 0) }
            // As after Redis lost data: what is held then was seen by nobody.
            leader.state.memory = .nothing
            try await confirm(world)
            #expect(try #require(try await leader.tick()).keysHeld == 40)
            for _ in 0..<2 { _ = try await leader.tick() }
            #expect(try await world.keyNames().count == 41)
            try await confirm(world)
            try await leader.tick()
            #expect(try await world.keyNames() == ["t:50"])
        }
    }

    @Test("Few deletions, or less than half, are never held", arguments: [10, 20])
    func harmless(_ deletions: Int) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], where: deletions == 10 ? "id <= 10" : nil))
            try await leader.tick()
            try await world.sql("delete from t where id <= \(deletions)")
            #expect(try await leader.tick()?.keysDeleted == deletions)
        }
    }

    @Test("Keys without rows that a takeover finds are held too")
    func takeoverHolds() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset = try Dataset.table("t", ["t:{id}"])
            try await world.leader(of: dataset).tick()
            try await world.sql("delete from t where id > 2")
            let successor = try await world.leader(of: dataset)
            #expect(try await successor.tick()?.keysHeld == 38)
            try await successor.tick()
            #expect(try await world.keyNames().count == 40)
            try await confirm(world)
            try await successor.tick()
            #expect(try await world.keyNames() == ["t:1", "t:2"])
        }
    }
}

import CacheRefresh
import RedisClient
import TestSupport
import Testing

@Suite("Mode existing: only keys that the application loaded")
struct ExistingModeTests {
    static let schema = """
        create table users (id int primary key, phone text unique, name text);
        insert into users select n, '10' || n, 'user ' || n from generate_series(1, 3) n;
        """

    @Test("A key that is there is rewritten and keeps its TTL; none is made, and none is renewed")
    func keepsTTL() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset = try Dataset.table(
                "users", ["user:{id}", "phone:{phone}=id"], mode: .existing, ttl: .seconds(60))
            let leader = try await world.leader(of: dataset)
            try await world.command("SET", "user:1", "old", "EX", "500")
            try await world.command("SET", "user:2", "old")
            try await world.command("SET", "phone:999", "9", "EX", "500")  // of a row that is gone
            try await leader.tick()
            #expect(try await world.keyNames() == ["user:1", "user:2"])
            #expect(try await world.get("user:1") == #"{"id":1,"phone":"101","name":"user 1"}"#)
            #expect((400...500).contains(try await world.command("TTL", "user:1").int ?? 0))
            #expect(try await world.command("TTL", "user:2").int == -1)
            world.clock.advance(by: .seconds(3600))
            try await leader.tick()
            #expect((400...500).contains(try await world.command("TTL", "user:1").int ?? 0))

            try await world.sql(
                "update users set name = 'new', phone = '200' where id = 1; delete from users where id = 2")
            try await world.command("SET", "phone:101", "1", "EX", "500")
            try await leader.tick()
            #expect(try await world.keyNames() == ["user:1"])
            #expect(try await world.get("user:1") == #"{"id":1,"phone":"200","name":"new"}"#)
            #expect((400...500).contains(try await world.command("TTL", "user:1").int ?? 0))
        }
    }

    @Test("A write is repeated once after two seconds, and so is a deletion")
    func repetition() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("users", ["user:{id}"], mode: .existing))
            try await leader.tick()
            world.clock.advance(by: .seconds(3))
            for _ in 0..<3 { try await leader.tick() }
            for id in 1...3 { try await world.command("SET", "user:\(id)", "old", "EX", "500") }
            try await world.sql("update users set name = 'new' where id = 1; delete from users where id = 2")
            try await leader.tick()
            #expect(try await world.get("user:1") == #"{"id":1,"phone":"101","name":"new"}"#)
            #expect(try await world.get("user:3") == "old")
            // Readers that started earlier.
            for id in 1...2 { try await world.command("SET", "user:\(id)", "old", "EX", "500") }
            world.clock.advance(by: .milliseconds(1900))
            try await leader.tick()
            #expect(try await world.get("user:1") == "old")
            world.clock.advance(by: .milliseconds(200))
            for _ in 0..<2 { try await leader.tick() }
            #expect(try await world.get("user:1") == #"{"id":1,"phone":"101","name":"new"}"#)
            #expect(try await world.get("user:2") == nil)
            try await world.command("SET", "user:1", "old", "EX", "500")
            world.clock.advance(by: .seconds(10))
            for _ in 0..<2 { try await leader.tick() }
            #expect(try await world.get("user:1") == "old")
        }
    }

    @Test("Hashes too")
    func hashes() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("users", ["user:{id}"], mode: .existing, format: .hash))
            try await world.command("HSET", "user:1", "name", "old", "extra", "x")
            try await world.command("EXPIRE", "user:1", "500")
            try await leader.tick()
            #expect(try await world.keyNames() == ["user:1"])
            #expect(try await world.command("HGET", "user:1", "name").string == "user 1")
            #expect(try await world.command("HLEN", "user:1").int == 3)
            #expect((400...500).contains(try await world.command("TTL", "user:1").int ?? 0))
        }
    }

    @Test("A takeover brings stale keys up to date, deletes those without rows, and looks again two seconds later")
    func takeover() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset = try Dataset.table("users", ["user:{id}"], mode: .existing)
            try await world.leader(of: dataset).tick()
            for id in 1...4 { try await world.command("SET", "user:\(id)", "old", "EX", "500") }
            try await world.sql("delete from users where id = 2")
            let successor = try await world.leader(of: dataset)
            try await successor.tick()
            #expect(try await world.keyNames() == ["user:1", "user:3"])
            #expect(try await world.differences(in: "users", prefix: "user:") == [])
            try await world.command("SET", "user:2", "old", "EX", "500")
            try await world.command("SET", "user:3", "old", "EX", "500")
            world.clock.advance(by: .seconds(2))
            for _ in 0..<2 { try await successor.tick() }
            #expect(try await world.keyNames() == ["user:1", "user:3"])
            #expect(try await world.differences(in: "users", prefix: "user:") == [])
        }
    }
}

import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import RefreshRuntime

@Suite("A dataset's ticks, on real servers")
struct DatasetPassTests {
    static let merchants = """
        create table merchants (id int primary key, name text, active boolean default true);
        insert into merchants values (1, 'Ada'), (2, 'Büro "5"'), (3, null);
        """
    static let users = """
        create table users (id int primary key, phone text unique, name text);
        insert into users values (1, '100', 'a'), (2, '200', 'b');
        """

    @Test("The first tick writes every row, the next ones nothing")
    func firstPass() async throws {
        try await RefreshWorld.with(sql: Self.merchants) { world in
            let leader = try await world.leader(of: .table("merchants", ["merchant:{id}"]))
            #expect(try await leader.tick()?.keysWritten == 3)
            #expect(try await world.get("merchant:1") == #"{"id":1,"name":"Ada","active":true}"#)
            #expect(try await world.get("merchant:2") == #"{"id":2,"name":"Büro \"5\"","active":true}"#)
            #expect(try await world.get("merchant:3") == #"{"id":3,"name":null,"active":true}"#)
            let ttl = try #require(try await world.command("PTTL", "merchant:1").int)
            #expect((82_000_000...90_800_000).contains(ttl))
            let summary = try await leader.tick()
            #expect(summary == nil || summary?.keysWritten == 0)
        }
    }

    @Test("Nothing is compared in a Redis that holds nothing but the election's keys")
    func emptyRedis() async throws {
        try await RefreshWorld.with(sql: Self.merchants, redis: .init()) { world in
            let dataset = try Dataset.table("merchants", ["merchant:{id}"])
            for mayCompare in [false, true] {
                let leader = try await world.leader(of: dataset)
                try await world.command("CONFIG", "RESETSTAT")
                try await leader.tick()
                let statistics = try await world.command("INFO", "commandstats").string ?? ""
                #expect(statistics.contains("cmdstat_get:calls=4,") == mayCompare)
            }
        }
    }

    @Test("Changes and deletions arrive with the next tick")
    func changes() async throws {
        try await RefreshWorld.with(sql: Self.merchants) { world in
            let leader = try await world.leader(of: .table("merchants", ["merchant:{id}"]))
            try await leader.tick()
            try await world.sql("update merchants set name = 'Eve' where id = 1; delete from merchants where id = 2")
            let summary = try await leader.tick()
            #expect(summary?.keysWritten == 1)
            #expect(summary?.keysDeleted == 1)
            #expect(try await world.get("merchant:1") == #"{"id":1,"name":"Eve","active":true}"#)
            #expect(try await world.keyNames() == ["merchant:1", "merchant:3"])
        }
    }

    @Test("A phone that two users swap survives; an old one dies")
    func swap() async throws {
        try await RefreshWorld.with(sql: Self.users) { world in
            let leader = try await world.leader(of: .table("users", ["user:{id}", "phone:{phone}=id"]))
            try await leader.tick()
            try await world.sql(
                """
                update users set phone = 'x' where id = 1; update users set phone = '100' where id = 2;
                update users set phone = '200' where id = 1
                """)
            try await leader.tick()
            #expect(try await world.get("phone:100") == "2")
            #expect(try await world.get("phone:200") == "1")
            try await world.sql("update users set phone = '300' where id = 1")
            try await leader.tick()
            #expect(try await world.keyNames() == ["phone:100", "phone:300", "user:1", "user:2"])
        }
    }

    @Test("A new leader deletes the keys of rows that were deleted while nobody led, and keeps what is right")
    func takeover() async throws {
        try await RefreshWorld.with(sql: Self.users) { world in
            let dataset = try Dataset.table("users", ["user:{id}", "phone:{phone}=id"])
            try await world.leader(of: dataset).tick()
            try await world.command("SET", "user:1:session", "not ours")
            try await world.sql("delete from users where id = 2; update users set name = 'c' where id = 1")
            let successor = try await world.leader(of: dataset)
            let summary = try #require(try await successor.tick())
            #expect(summary.keysKept == 1)
            #expect(summary.keysWritten == 1)
            #expect(summary.keysDeleted == 2)
            #expect(try await world.keyNames() == ["phone:100", "user:1", "user:1:session"])
        }
    }

    @Test("A deposed leader's batch is refused, and its successor's is not")
    func deposed() async throws {
        try await RefreshWorld.with(sql: Self.merchants) { world in
            let dataset = try Dataset.table("merchants", ["merchant:{id}"])
            let deposed = try await world.leader(of: dataset)
            try await deposed.tick()
            let successor = try await world.leader(of: dataset)
            try await world.sql("update merchants set name = 'new' where id = 1")
            await #expect(throws: Fence.Failure.self) { try await deposed.tick() }
            #expect(try await world.get("merchant:1") == #"{"id":1,"name":"Ada","active":true}"#)
            try await successor.tick()
            #expect(try await world.get("merchant:1") == #"{"id":1,"name":"new","active":true}"#)
        }
    }

    @Test("Hashes hold one field a column, none for NULL")
    func hashes() async throws {
        try await RefreshWorld.with(sql: Self.merchants) { world in
            let leader = try await world.leader(of: .table("merchants", ["merchant:{id}"], format: .hash))
            try await leader.tick()
            #expect(try await world.command("HGET", "merchant:1", "name").string == "Ada")
            #expect(try await world.command("HGET", "merchant:1", "active").string == "true")
            #expect(try await world.command("HLEN", "merchant:3").int == 2)
        }
    }
}

import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import GroupState
@testable import RefreshRuntime

@Suite("What happens to Redis between and during passes")
struct BrokenRedisTests {
    static let schema = """
        create table t (id int primary key, v text); insert into t select n, 'row ' || n from generate_series(1, 30) n;
        """

    @Test(
        "A full Redis: writes wait with a clear error, deletions and renewals go on, and all is well when there is room"
    )
    func outOfMemory() async throws {
        try await RefreshWorld.with(sql: Self.schema, redis: .init()) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], ttl: .seconds(1000)))
            try await leader.tick()
            try await world.command("CONFIG", "SET", "maxmemory", "1")
            try await world.sql("update t set v = 'new' where id < 4; delete from t where id > 25")
            for key in try await world.keyNames() { try await world.command("PEXPIRE", key, "500000") }
            world.clock.advance(by: .seconds(560))
            for _ in 0..<2 {
                let problem = try #require(await leader.troubleOfNextTick())
                #expect(problem.contains("maxmemory") && problem.contains("raise it"), "\(problem)")
            }
            #expect(try await world.keyNames().count == 25)
            #expect(try await world.get("t:1")?.contains("row 1") == true)
            #expect(try await world.command("PTTL", "t:20").int ?? 0 > 900_000)
            try await world.command("CONFIG", "SET", "maxmemory", "0")
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(await leader.fence.losses == 0)
        }
    }

    @Test("A full Redis at the first pass")
    func outOfMemoryAtFirst() async throws {
        try await RefreshWorld.with(sql: Self.schema, redis: .init()) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await world.command("CONFIG", "SET", "maxmemory", "1")
            #expect(await leader.troubleOfNextTick()?.contains("maxmemory") == true)
            #expect(try await world.keyNames() == [])
            try await world.command("CONFIG", "SET", "maxmemory", "0")
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    @Test(
        "A Redis that became a read-only replica, or wants more replicas than it has, says so",
        arguments: [
            ["REPLICAOF 127.0.0.1 1", "read-only replica", "REPLICAOF NO ONE"],
            ["CONFIG SET min-replicas-to-write 1", "too few replicas", "CONFIG SET min-replicas-to-write 0"],
        ])
    func refusesWrites(_ words: [String]) async throws {
        try await RefreshWorld.with(sql: Self.schema, redis: .init()) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            try await world.command(words[0].split(separator: " ").map(String.init))
            try await world.sql("update t set v = 'new' where id < 4; delete from t where id = 30")
            for _ in 0..<2 {
                let problem = try #require(await leader.troubleOfNextTick())
                #expect(problem.contains(words[1]), "\(problem)")
            }
            #expect(try await world.keyNames().count == 30)
            try await world.command(words[2].split(separator: " ").map(String.init))
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    @Test("A Redis that is gone for a while, with its data kept")
    func gone() async throws {
        var options = LocalRedis.Options()
        options.appendOnly = true
        options.configuration = ["appendfsync always"]
        try await RefreshWorld.with(sql: Self.schema, redis: options) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            await world.redisServer.kill()
            try await world.sql("update t set v = 'new' where id < 4; delete from t where id = 30")
            let problem = try #require(await leader.troubleOfNextTick())
            #expect(
                problem.contains("closed") || problem.contains("refused") || problem.contains("reach"), "\(problem)")
            try await world.redisServer.restart()
            try await leader.tickUntilItWorks()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(await leader.fence.losses == 0)
        }
    }

    @Test("Keys of other types in the way are replaced in each form of value", arguments: [Dataset.Format.json, .hash])
    func otherTypes(_ format: Dataset.Format) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], format: format)
            for known in [false, true] {
                let leader = try await world.leader(of: dataset)
                if known { try await leader.tick() }
                try await world.command("DEL", "t:1", "t:2", "t:3", "t:4")
                try await world.command("RPUSH", "t:1", "x")
                try await world.command("ZADD", "t:2", "1", "x")
                try await world.command(format == .json ? "HSET" : "SETEX", "t:3", "60", "x")  // field or TTL
                try await world.command("XADD", "t:4", "*", "x", "y")
                try await world.sql("update t set v = v || '!' where id < 5")
                try await leader.tick()
                #expect(leader.refusal == nil)
                for id in 1...4 {
                    let type = try await world.command("TYPE", "t:\(id)").string
                    #expect(type == (format == .json ? "string" : "hash"))
                }
            }
            if format == .json { #expect(try await world.differences(in: "t", prefix: "t:") == []) }
        }
    }

    @Test("A fence or marks of another type: a clear error that names the key, and all well when it is gone")
    func ownKeysOfOtherTypes() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            try await world.sql("update t set v = 'new' where id < 4")
            try await world.command("DEL", world.keys.fence)
            try await world.command("SET", world.keys.fence, "x")
            var texts: [String] = []
            for _ in 0..<2 { texts.append(await leader.troubleOfNextTick() ?? "") }
            #expect(texts.allSatisfy { $0.contains("type") }, "\(texts)")
            #expect(texts[1].contains(world.keys.fence), "\(texts)")
            #expect(try await world.get("t:1")?.contains("row 1") == true)
            try await world.command("DEL", world.keys.fence)
            try await leader.tickUntilItWorks()
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    @Test(
        "Trouble of all kinds while rows change: when it is over, the cache equals the database, and nothing was believed lost"
    )
    func chaos() async throws {
        try await RefreshWorld.with(
            sql:
                "create table t (id int primary key, v text); insert into t select n, 'x' from generate_series(1, 1500) n",
            redis: .init()
        ) { world in
            let term = try await world.elect()
            let fence = Fence(
                keys: world.keys, deployment: "test", term: term, redis: try world.makeClient(),
                logger: RefreshWorld.quiet,
                timeout: .milliseconds(150))
            let leader = try await world.leader(of: .table("t", ["t:{id}"]), term: term, fence: fence)
            let second = try await world.leader(of: .table("t", ["other:{id}"]), term: term, fence: fence)
            let admin = try world.makeClient()
            let writer = try await world.connect()
            var random = SplitMix(seed: 5)
            var failures = 0
            for round in 0..<13 {
                try await writer.execute(
                    "update t set v = 'round \(round)' where id % \(Int.random(in: 2...9, using: &random)) = 0; "
                        + "delete from t where id = \(Int.random(in: 1...1500, using: &random)); "
                        + "insert into t values (\(2000 + round), 'new')")
                let strike: [String] =
                    switch round % 4 {
                    case 0: ["SCRIPT", "FLUSH"]
                    case 1: ["CLIENT", "KILL", "TYPE", "normal"]
                    case 2: ["CLIENT", "PAUSE", "250", "WRITE"]
                    default: ["PING"]
                    }
                let delay = Duration.microseconds(Int.random(in: 0...15_000, using: &random))
                async let struck: Void = {
                    try await Task.sleep(for: delay)
                    // Its own connection may have been killed by the strike before.
                    _ = try? await admin.send(RedisCommand(strike))
                }()
                for each in [leader, second] {
                    if await each.troubleOfNextTick() != nil { failures += 1 }
                }
                try await struck
            }
            for each in [leader, second] { try await each.tickUntilItWorks() }
            #expect(failures > 0)
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(try await world.differences(in: "t", prefix: "other:") == [])
            #expect(await fence.losses == 0)
        }
    }
}

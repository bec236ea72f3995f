import CacheRefresh
import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import Operations
@testable import RefreshRuntime

/// What was cleared or put back comes back as the database has it, with the leader's next pass.
@Suite("A leader hears what was cleared")
struct LeaderNotesTests {
    static let schema = """
        create table items (id int primary key, phone text unique, v int);
        insert into items select n, '0' || n, n from generate_series(1, 1000) n;
        """

    /// A leader that asks at each tick, and the tools of somebody who has the configuration.
    private func withLeader(
        mode: Dataset.WriteMode = .upsert, _ body: (RefreshWorld, Leader, CacheTools) async throws -> Void
    ) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset = try Dataset.table("items", ["item:{id}", "phone:{phone}=id"], mode: mode)
            let leader = try await listening(world, try await world.leader(of: dataset))
            let files = try ConfigurationFixture(
                """
                version: 1
                group: test
                postgres: { url: "\(world.databaseURL)" }
                redis: { main: { url: "\(world.redisURL)" } }

                """,
                datasets: """
                    version: 1
                    datasets:
                      items:
                        table: items
                        mode: \(mode.rawValue)
                        keys: { "item:{id}": row, "phone:{phone}": { column: id } }

                    """)
            try await body(world, leader, try CacheTools(try files.load(), server: nil, database: nil))
        }
    }

    private func listening(_ world: RefreshWorld, _ leader: Leader) async throws -> Leader {
        var pass = leader.pass
        pass.cleared = ClearedKeys(keys: world.keys, token: leader.term.token, redis: world.redis, interval: .zero)
        return Leader(world, pass: pass, term: leader.term, connection: leader.connection)
    }

    @Test("without it, a leader would hold what was cleared for unchanged")
    func withoutNotes() async throws {
        try await withLeader { world, leader, _ in
            try await leader.tick()
            try await world.command("UNLINK", "item:7")
            try await leader.tick()
            #expect(try await world.get("item:7") == nil)
        }
    }

    @Test("single keys come back, and nothing else is written")
    func single() async throws {
        try await withLeader { world, leader, tools in
            #expect(try await leader.tick()?.keysWritten == 2000)
            let report = try await tools.clear(.ids(["7"]))
            #expect(report.count == 2)
            #expect(try await [world.get("item:7"), world.get("phone:07")] == [nil, nil])
            #expect(
                report.text().words.contains("test leads and was told: the keys of items come back with its next pass.")
            )
            #expect(report.plan.remarks.contains { $0.hasPrefix("items still has the row with id 7") })
            let summary = try #require(try await leader.tick())
            #expect(summary.keysWritten == 2)
            #expect(try await world.get("item:7") != nil)
            #expect(try await world.get("phone:07") == "7")
            #expect(try await world.command("EXISTS", world.keys.cleared).int == 0)
            #expect(try await leader.tick().map(\.keysWritten) ?? 0 == 0)
        }
    }

    @Test("a phone that was cleared takes its row along, and both come back")
    func phone() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            #expect(try await tools.clear(.phones(["07"])).count == 2)
            try await leader.tick()
            #expect(try await world.get("item:7") != nil)
            #expect(try await world.get("phone:07") == "7")
        }
    }

    /// Somebody else deleted it; whoever clears it now finds nothing, and yet it comes back.
    @Test("also a key that was gone before")
    func goneBefore() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await world.command("UNLINK", "item:7")
            #expect(try await tools.clear(.keys([Array("item:7".utf8)])).status == .no)
            try await leader.tick()
            #expect(try await world.get("item:7") != nil)
        }
    }

    @Test("a row that was deleted does not come back")
    func deleted() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await world.sql("delete from items where id = 7")
            let report = try await tools.clear(.ids(["7"]))
            #expect(report.plan.remarks.contains("items has no row with id 7."))
            try await leader.tick()
            #expect(try await [world.get("item:7"), world.get("phone:07")] == [nil, nil])
        }
    }

    @Test("all of it comes back, by whatever it was cleared")
    func everything() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            for subject in [ClearRequest.Subject.all, .pattern(try CachePattern("item:*"))] {
                #expect(try await tools.clear(subject).count >= 1000)
                #expect(try await world.get("item:7") == nil)
                try await leader.tick()
                #expect(try await world.keyNames().count == 2000)
                #expect(try await world.differences(in: "items", prefix: "item:") == [])
            }
        }
    }

    /// `phone:{phone}` does not cover `phone:0:7`, and yet a row makes it.
    @Test("a key with a colon in a column comes back, though it counts as of no family")
    func colon() async throws {
        try await withLeader { world, leader, tools in
            try await world.sql("update items set phone = '0:7' where id = 7")
            try await leader.tick()
            let key = Array("phone:0:7".utf8)
            #expect(
                try await tools.get(key).text().words.contains("It may be one of items, phone:{phone}, with a colon"))
            for subject in [ClearRequest.Subject.keys([key]), .pattern(try CachePattern("phone:0:*"))] {
                let report = try await tools.clear(subject)
                #expect(report.count == 1)
                #expect(report.text().words.contains("the keys of items come back"))
                #expect(try await world.get("phone:0:7") == nil)
                try await leader.tick()
                #expect(try await world.get("phone:0:7") == "7")
            }
        }
    }

    @Test("what nobody could keep is not told to anybody")
    func strangers() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await world.command("SET", "session:1", "x")
            #expect(try await tools.clear(.pattern(try CachePattern("session:*"))).count == 1)
            #expect(try await world.command("EXISTS", world.keys.cleared).int == 0)
        }
    }

    @Test("a Redis that is named without its configuration is told too")
    func withoutConfiguration() async throws {
        try await withLeader { world, leader, _ in
            try await leader.tick()
            let stranger = try CacheTools(redis: world.redisURL, group: "test")
            let report = try await stranger.clear(.keys([Array("item:7".utf8)]))
            #expect(
                report.count == 1 && report.text().words.contains("keys that Baton keeps come back with its next pass"))
            // The row, with all its keys.
            #expect(try await leader.tick()?.keysWritten == 2)
            #expect(try await stranger.clear(.pattern(try CachePattern("phone:*"))).count == 1000)
            try await leader.tick()
            #expect(try await world.keyNames().count == 2000)
        }
    }

    @Test("what was put back is made what the database says")
    func restored() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            let before = try #require(try await world.command("DUMP", "item:7").bytes)
            try await world.sql("update items set v = 77 where id = 7")
            try await leader.tick()
            try await CacheFixture.withFolder { folder in
                let writer = try BackupWriter(path: folder + "/stale", origin: .test)
                try writer.add(.init(key: Array("item:7".utf8), expiresMilliseconds: 0, value: before))
                #expect(try writer.finish() == 1)
                let report = try await tools.restore(folder + "/stale", replaces: true)
                #expect(report.status == .done && report.text().words.contains("compared with the database"))
            }
            #expect(try await world.differences(in: "items", prefix: "item:").count == 1)
            try await leader.tick()
            #expect(try await world.differences(in: "items", prefix: "item:") == [])
        }
    }

    /// Keys of others come first in the file, so that there is nothing to tell at the beginning.
    @Test("where the leader can't be told, none of its keys is put back")
    func untellable() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await CacheFixture.withFolder { folder in
                try await world.command("SET", "other", "x")
                let value = try #require(try await world.command("DUMP", "other").bytes)
                let writer = try BackupWriter(path: folder + "/mixed", origin: .test)
                for key in (0..<300).map({ "other:\($0)" }) + ["item:7"] {
                    try writer.add(.init(key: Array(key.utf8), expiresMilliseconds: 0, value: value))
                }
                _ = try writer.finish()
                let before = try await world.get("item:7")
                try await world.command("SET", world.keys.cleared, "of another type")
                let report = try await tools.restore(folder + "/mixed", replaces: true)
                #expect(report.status == .configuration && report.count == 250, "\(report.text())")
                #expect(try await world.get("item:7") == before)
                try await world.command("DEL", world.keys.cleared)
                #expect(try await tools.restore(folder + "/mixed", replaces: true).count == 301)
                try await leader.tick()
                #expect(try await world.get("item:7") == before)
            }
        }
    }

    @Test("what was put back of a row that is gone goes again")
    func restoredTooMuch() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await CacheFixture.withFolder { folder in
                let writer = try BackupWriter(path: folder + "/stale", origin: .test)
                try await writer.add(["item:7", "phone:07"].map { Array($0.utf8) }, try await world.redis.connection())
                _ = try writer.finish()
                try await world.sql("delete from items where id = 7")
                try await leader.tick()
                let report = try await tools.restore(folder + "/stale")
                #expect(report.count == 2)
                #expect(try await world.get("item:7") != nil)
                try await leader.tick()
                #expect(try await [world.get("item:7"), world.get("phone:07")] == [nil, nil])
            }
        }
    }

    @Test("where the notes may be lost on the way, everything is looked at")
    func lostNotes() async throws {
        try await RefreshWorld.onRedisOnly(redis: .init()) { world in
            let client = try world.makeClient()
            let cleared = ClearedKeys(
                keys: world.keys, token: .random(), redis: client, interval: .zero, patience: .seconds(5))
            #expect(try await cleared.take(for: "items") == .none)
            // Asking whether there are notes works; taking them may write, and waits.
            try await world.command("HSET", world.keys.cleared, "key:x", "1")
            try await world.command("CLIENT", "PAUSE", "60000", "WRITE")
            await #expect(throws: RedisError.self) { _ = try await cleared.take(for: "items") }
            try await world.command("CLIENT", "UNPAUSE")
            try await world.command("DEL", world.keys.cleared)
            #expect(try await cleared.take(for: "items") == .everything)
            #expect(try await cleared.take(for: "items") == .none)
            await client.close()
        }
    }

    @Test("while a clearing goes on, not everything is compared at every tick, and once more when it is over")
    func longClearing() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let token = Token.random()
            try await world.command("HSET", world.keys.fence, "token", "\(token)")
            let interval = Duration.milliseconds(200)
            let cleared = ClearedKeys(keys: world.keys, token: token, redis: world.redis, interval: interval)
            #expect(try await cleared.take(for: "items") == .none)
            var comparisons = 0
            for _ in 0..<5 {
                try await world.command("HSET", world.keys.cleared, "dataset:items", "1")
                try await Task.sleep(for: interval)
                if try await cleared.take(for: "items") == .everything { comparisons += 1 }
            }
            #expect((1...2).contains(comparisons))
            try await world.wait(until: "the last notes are applied") {
                try await cleared.take(for: "items") == .everything
            }
            try await Task.sleep(for: interval)
            #expect(try await cleared.take(for: "items") == .none)
        }
    }

    @Test("the leader is told even if the dataset seems to be switched off, and its template to be another's")
    func switchedOff() async throws {
        try await withLeader { world, leader, _ in
            try await leader.tick()
            let files = try ConfigurationFixture(
                """
                version: 1
                group: test
                postgres: { url: "\(world.databaseURL)" }
                redis: { main: { url: "\(world.redisURL)" }, other: { url: "\(world.redisURL)" } }

                """,
                datasets: """
                    version: 1
                    datasets:
                      before: { enabled: false, table: items, mode: invalidate, key: "item:{id}" }
                      items: { enabled: false, table: items, key: "item:{id}" }

                    """)
            for server in ["main", "other"] {
                let tools = try CacheTools(try files.load(), server: server, database: nil)
                #expect(try await tools.clear(.keys([Array("item:7".utf8)])).count == 1)
                try await leader.tick()
                #expect(try await world.get("item:7") != nil)
            }
        }
    }

    @Test("a deposed leader does not take the notes from its successor")
    func deposed() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            let successor = try await listening(world, try await world.leader(of: leader.pass.dataset))
            try await successor.tick()
            #expect(try await tools.clear(.ids(["7"])).count == 2)
            let late = ClearedKeys(
                keys: world.keys, token: leader.term.token, redis: world.redis, interval: .zero)
            #expect(try await late.take(for: "items") == .none)
            #expect(try await late.take(for: "items") == .none)
            try await successor.tick()
            #expect(try await world.get("item:7") != nil)
        }
    }

    @Test("while nobody leads it is said, and the next leader makes it good")
    func nobodyLeads() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await world.command("DEL", world.keys.lease)
            let report = try await tools.clear(.all)
            #expect(report.text().words.contains("come back only once a replica leads"))
            let successor = try await listening(world, try await world.leader(of: leader.pass.dataset))
            try await successor.tick()
            #expect(try await world.keyNames().count == 2000)
        }
    }

    @Test("a full Redis can be cleared, and the leader hears of it")
    func fullRedis() async throws {
        try await RefreshWorld.with(sql: Self.schema, redis: .init()) { world in
            let dataset = try Dataset.table("items", ["item:{id}"])
            let leader = try await listening(world, try await world.leader(of: dataset))
            try await leader.tick()
            try await world.command("CONFIG", "SET", "maxmemory", "1")
            let tools = try CacheTools(redis: world.redisURL, group: "test")
            #expect(try await tools.clear(.keys([Array("item:7".utf8)])).count == 1)
            #expect(try await world.command("HLEN", world.keys.cleared).int == 1)
            try await world.command("CONFIG", "SET", "maxmemory", "0")
            try await leader.tick()
            #expect(try await world.get("item:7") != nil)
        }
    }

    @Test("keys that the application loads are left to it", arguments: [Dataset.WriteMode.invalidate, .existing])
    func otherModes(_ mode: Dataset.WriteMode) async throws {
        try await withLeader(mode: mode) { world, leader, tools in
            try await leader.tick()
            try await world.command("SET", "item:7", "x")
            let report = try await tools.clear(.ids(["7"]))
            #expect(
                report.count == 1
                    && report.text().words.contains("Keys of items come back when the application needs them."))
            #expect(try await world.command("EXISTS", world.keys.cleared).int == 0)
        }
    }

    @Test("many single notes become one: look at everything")
    func manyNotes() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            for start in stride(from: 1, to: 1100, by: 50) {
                _ = try await tools.clear(.keys((start..<start + 50).map { Array("x:\($0)".utf8) + [] }))
                _ = try await tools.clear(.keys((start..<start + 50).map { Array("item:\($0)".utf8) }))
            }
            #expect(
                try await world.command("HKEYS", world.keys.cleared).array?.compactMap(\.string).contains("dataset:*")
                    == true)
            try await leader.tick()
            #expect(try await world.keyNames().count == 2000)
        }
    }

    @Test("something else in the notes' place is said, and nothing is cleared")
    func wrongType() async throws {
        try await withLeader { world, leader, tools in
            try await leader.tick()
            try await world.command("SET", world.keys.cleared, "x")
            let report = try await tools.clear(.ids(["7"]))
            #expect(report.status == .configuration && report.text().words.contains("baton fsck --repair"))
            #expect(try await world.get("item:7") != nil)
            // The leader works on.
            try await leader.tick()
        }
    }
}

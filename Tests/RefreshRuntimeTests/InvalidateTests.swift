import CacheRefresh
import RedisClient
import TestSupport
import Testing

@testable import GroupState
@testable import RefreshRuntime

@Suite("Mode invalidate: beside a cache that applications fill")
struct InvalidateTests {
    static let schema = """
        create table users (id int primary key, phone text unique, name text);
        insert into users select n, '10' || n, 'user ' || n from generate_series(1, 5) n;
        """
    static let keys = ["user:{id}", "user:phone:{phone}=id"]

    private static func world(_ body: (RefreshWorld, Dataset) async throws -> Void) async throws {
        let dataset = try Dataset.table("users", keys, mode: .invalidate)
        try await RefreshWorld.with(sql: schema) { world in try await body(world, dataset) }
    }

    /// A leader that has been at work long enough to have written its mark.
    private static func settledLeader(_ world: RefreshWorld, _ dataset: Dataset) async throws -> Leader {
        let leader = try await world.leader(of: dataset)
        try await Self.waitForOlderTransactions(world)
        try await leader.tick()
        world.clock.advance(by: dataset.repeatAfter)
        try await Self.tickUntilMarked(leader)
        return leader
    }

    /// A mark is written once PostgreSQL has flushed the log up to what was read: not at once on a busy server.
    private static func tickUntilMarked(_ leader: Leader, _ isRight: (Mark) -> Bool = { _ in true }) async throws {
        try await leader.world.wait(until: "the mark is written") {
            try await leader.tick()
            return Mark(try await leader.world.mark(of: "users") ?? "").map(isRight) ?? false
        }
    }

    /// A mark stands for what was read if nobody's transaction is older; those of other tests may be.
    static func waitForOlderTransactions(_ world: RefreshWorld) async throws {
        try await world.wait(until: "older transactions have ended") {
            let query =
                "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint > max(xmin::text::bigint) from users"
            return try await world.value(query) == "t"
        }
    }

    /// The application loads every row, and something that is none of ours.
    private static func fill(_ world: RefreshWorld, ids: ClosedRange<Int> = 1...5) async throws {
        for id in ids {
            try await world.command("SET", "user:\(id)", "{}", "EX", "900")
            try await world.command("SET", "user:phone:10\(id)", "\(id)", "EX", "900")
        }
        try await world.command("SET", "user:1:session", "not ours")
    }

    private static func remaining(_ world: RefreshWorld) async throws -> String {
        try await world.keyNames().joined(separator: " ")
    }

    private static let everything =
        "user:1 user:1:session user:2 user:3 user:4 user:5 "
        + "user:phone:101 user:phone:102 user:phone:103 user:phone:104 user:phone:105"

    @Test("Nothing is written but what a change unlinks: all keys of the row, the old ones included")
    func change() async throws {
        try await Self.world { world, dataset in
            let leader = try await Self.settledLeader(world, dataset)
            try await Self.fill(world)
            try await leader.tick()
            #expect(try await Self.remaining(world) == Self.everything)
            // Applications remember that a row is absent: an insertion unlinks too.
            try await world.command("SET", "user:6", "*")
            try await world.sql(
                """
                update users set phone = '200' where id = 2; delete from users where id = 3;
                insert into users values (6, '106', 'new')
                """)
            let summary = try await leader.tick()
            #expect(summary?.keysWritten == 0)
            #expect(
                try await Self.remaining(world)
                    == "user:1 user:1:session user:4 user:5 user:phone:101 user:phone:104 user:phone:105")
            #expect(try await world.command("TTL", "user:1").int ?? 0 <= 900)
        }
    }

    @Test(
        "Each unlink is repeated after the time that is set, once: for a reader that started earlier",
        arguments: [Duration.seconds(2), .seconds(7)])
    func repetition(after delay: Duration) async throws {
        try await Self.world { world, dataset in
            var dataset = dataset
            dataset.repeatAfter = delay
            let leader = try await Self.settledLeader(world, dataset)
            try await world.sql("update users set phone = '200' where id = 2; delete from users where id = 3")
            try await leader.tick()
            try await Self.fill(world, ids: 2...3)  // readers bring the old values back
            try await world.command("SET", "user:phone:200", "2")
            world.clock.advance(by: delay - .milliseconds(100))
            try await leader.tick()
            #expect(try await world.keyNames().count == 6)
            world.clock.advance(by: .milliseconds(200))
            try await leader.tick()
            #expect(try await Self.remaining(world) == "user:1:session")
            try await Self.fill(world)
            world.clock.advance(by: .seconds(10))
            try await leader.tick()
            #expect(try await Self.remaining(world) == Self.everything)
        }
    }

    @Test("A slow reader's old value goes with the late repetition, and the mark waits for that")
    func lateRepetition() async throws {
        let dataset = try Dataset.table("users", Self.keys, mode: .invalidate, repeatLateAfter: .seconds(30))
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: dataset)
            try await Self.waitForOlderTransactions(world)
            for _ in 0..<4 {
                try await leader.tick()
                world.clock.advance(by: .seconds(15))
            }
            try await Self.tickUntilMarked(leader)
            world.clock.advance(by: .seconds(60))
            try await world.sql("update users set phone = '200' where id = 2; delete from users where id = 3")
            let changed = try #require(UInt64(try await world.value("select xmin from users where id = 2") ?? ""))
            try await leader.tick()
            world.clock.advance(by: .seconds(2))
            try await leader.tick()
            // A reader that took four seconds, and one that remembers for ever that there was no such row.
            world.clock.advance(by: .seconds(2))
            try await Self.fill(world, ids: 2...3)
            try await world.command("SET", "user:phone:200", "*")
            for _ in 0..<25 {
                world.clock.advance(by: .seconds(1))
                try await leader.tick()
            }
            #expect(try await world.get("user:2") == "{}")
            #expect(try await world.get("user:phone:200") == "*")
            // A successor would go back to before the change.
            #expect(Mark(try await world.mark(of: "users") ?? "").map { $0.horizon <= changed } == true)
            world.clock.advance(by: .seconds(1))
            try await leader.tick()
            #expect(try await Self.remaining(world) == "user:1:session")
            // One that another test's older transaction held back is moved on after a minute.
            try await Self.tickUntilMarked(leader) { mark in
                world.clock.advance(by: .seconds(60))
                return mark.horizon > changed
            }
        }
    }

    @Test("A row that changes again before it was repeated is repeated for both")
    func overlappingRepetitions() async throws {
        try await Self.world { world, dataset in
            let leader = try await Self.settledLeader(world, dataset)
            for phone in ["200", "300"] {
                try await world.sql("update users set phone = '\(phone)' where id = 2")
                try await leader.tick()
                world.clock.advance(by: .seconds(1))
            }
            for phone in ["102", "200", "300"] { try await world.command("SET", "user:phone:\(phone)", "2") }
            for _ in 0..<2 {
                world.clock.advance(by: .seconds(1))
                try await leader.tick()
            }
            #expect(try await world.keyNames() == [])
        }
    }

    // MARK: Takeover

    @Test("With a mark, a takeover unlinks only what changed since, and rows deleted meanwhile")
    func takeoverWithMark() async throws {
        try await Self.world { world, dataset in
            _ = try await Self.settledLeader(world, dataset)
            try await Self.fill(world)
            try await world.sql("update users set phone = '200' where id = 2; delete from users where id = 3")
            try await world.sql("vacuum freeze users")
            let successor = try await world.leader(of: dataset)
            try await successor.tick()
            // The old phone of a row that changed is no row's any longer either.
            #expect(
                try await Self.remaining(world)
                    == "user:1 user:1:session user:4 user:5 user:phone:101 user:phone:104 user:phone:105")
            // Readers that started before the takeover.
            try await Self.fill(world)
            world.clock.advance(by: .seconds(2))
            try await successor.tick()
            try await successor.tick()
            #expect(
                try await Self.remaining(world)
                    == "user:1 user:1:session user:4 user:5 user:phone:101 user:phone:104 user:phone:105")
        }
    }

    /// What is found where a mark should be.
    struct Found: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (Mark) -> String?
    }

    static let others: [Found] = [
        Found(testDescription: "no mark") { _ in nil },
        Found(testDescription: "something else") { _ in "hello" },
        Found(testDescription: "a newer format") { "9\("\($0)".dropFirst())" },
        Found(testDescription: "another server's") {
            "\($0.changed { $0.system = "1" })"
        },
        Found(testDescription: "another timeline's") {
            "\($0.changed { $0.timeline += 1 })"
        },
        Found(testDescription: "that of another start") {
            "\($0.changed { $0.start -= 1 })"
        },
        Found(testDescription: "that of a later position") {
            "\($0.changed { $0.position = WALPosition(bytes: $0.position.bytes << 1) })"
        },
        Found(testDescription: "another definition's") {
            "\(Mark(horizon: $0.horizon, history: $0.history, fingerprint: "0123456789abcdef"))"
        },
        Found(testDescription: "one from the future") {
            "\(Mark(horizon: $0.horizon + 1_000_000, history: $0.history, fingerprint: $0.fingerprint))"
        },
    ]

    @Test("Without a mark that fits, a takeover unlinks every key that is there, and nothing else", arguments: others)
    func takeoverWithoutMark(_ found: Found) async throws {
        try await Self.world { world, dataset in
            _ = try await Self.settledLeader(world, dataset)
            let mark = try #require(Mark(try await world.mark(of: "users") ?? ""))
            if let text = found.change(mark) {
                try await world.command("HSET", world.keys.marks, "users", text)
            } else {
                try await world.command("DEL", world.keys.marks)
            }
            try await Self.fill(world)
            let successor = try await world.leader(of: dataset)
            try await successor.tick()
            #expect(try await Self.remaining(world) == "user:1:session")
            // Once more, for readers that started before.
            try await Self.fill(world)
            world.clock.advance(by: .seconds(2))
            try await successor.tick()
            #expect(try await Self.remaining(world) == "user:1:session")
            try await Self.fill(world)
            try await successor.tick()
            world.clock.advance(by: .seconds(60))
            try await successor.tick()
            #expect(try await Self.remaining(world) == Self.everything)
        }
    }

    @Test("A takeover whose first pass fails still works from the mark")
    func takeoverFailsFirst() async throws {
        try await Self.world { world, dataset in
            _ = try await Self.settledLeader(world, dataset)
            try await Self.fill(world)
            try await world.sql("update users set name = 'changed' where id = 2; delete from users where id = 3")
            let successor = try await world.leader(of: dataset)
            try await successor.fence.verify()
            // Its first batch finds a gap.
            try await world.command("HINCRBY", world.keys.fence, "sequence", "1")
            #expect(await successor.troubleOfNextTick()?.contains("missing") == true)
            try await successor.tickUntilItWorks()
            #expect(
                try await Self.remaining(world)
                    == "user:1 user:1:session user:4 user:5 user:phone:101 user:phone:104 user:phone:105")
        }
    }

    @Test("A mark is never written before what it stands for was repeated; a takeover in between misses nothing")
    func markWaits() async throws {
        try await Self.world { world, dataset in
            let leader = try await world.leader(of: dataset)
            try await Self.waitForOlderTransactions(world)
            try await leader.tick()
            #expect(try await world.mark(of: "users") == nil)
            world.clock.advance(by: .milliseconds(1900))
            try await leader.tick()
            #expect(try await world.mark(of: "users") == nil)
            world.clock.advance(by: .milliseconds(200))
            try await Self.tickUntilMarked(leader)

            world.clock.advance(by: .seconds(60))
            try await world.sql("update users set name = 'changed' where id = 2")
            try await leader.tick()
            world.clock.advance(by: .milliseconds(1900))
            try await leader.tick()
            // A reader brings an old value back, and the leader is gone before it repeats the unlink.
            try await Self.fill(world)
            let successor = try await world.leader(of: dataset)
            try await successor.tick()
            #expect(try await world.get("user:2") == nil)
            #expect(try await world.get("user:1") == "{}")
        }
    }

    @Test("A deposed leader's mark is refused like its writes")
    func staleMark() async throws {
        try await Self.world { world, dataset in
            let deposed = try await Self.settledLeader(world, dataset)
            try await world.command("DEL", world.keys.marks)
            _ = try await world.elect()
            try await world.sql("update users set name = 'changed' where id = 2")
            world.clock.advance(by: .seconds(120))
            for _ in 0..<3 {
                _ = try? await deposed.tick()
                world.clock.advance(by: .seconds(3))
            }
            #expect(try await world.mark(of: "users") == nil)
        }
    }
}

extension Mark {
    /// The same mark of a history that differs.
    fileprivate func changed(_ change: (inout ServerHistory) -> Void) -> Mark {
        var history = history
        change(&history)
        return Mark(horizon: horizon, history: history, fingerprint: fingerprint)
    }
}

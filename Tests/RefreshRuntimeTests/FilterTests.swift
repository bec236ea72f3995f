import CacheRefresh
import LocalStack
import Logging
import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import DatasetReading
@testable import GroupState
@testable import RefreshRuntime

@Suite("A filter: what fits is read, and what changed")
struct FilterTests {
    /// Row 1 fits the filter, rows 2 to 5 do not.
    static let schema = """
        create table users (id int primary key, phone text unique, name text, updated_at timestamptz);
        insert into users select n, '10' || n, 'user ' || n, now() - interval '1 day' from generate_series(1, 5) n;
        update users set updated_at = now() where id = 1;
        """
    static let filter = "updated_at > now() - interval '1 hour'"

    private static func dataset(
        _ mode: Dataset.WriteMode = .upsert, changes: Dataset.ChangeDetection = .auto
    ) throws -> Dataset {
        try .table("users", ["user:{id}=name"], mode: mode, filter: filter, changes: changes)
    }

    /// What applications of these modes have in the cache.
    private static func fill(_ world: RefreshWorld, _ ids: Int...) async throws {
        for id in ids { try await world.command("SET", "user:\(id)", "\"old\"", "EX", "900") }
    }

    /// A leader that has looked at all keys that it has to look at, and has left its mark.
    private static func settledLeader(_ world: RefreshWorld, _ mode: Dataset.WriteMode) async throws -> Leader {
        let leader = try await world.leader(of: Self.dataset(mode))
        // While one goes on, every row may have changed since it began.
        try await InvalidateTests.waitForOlderTransactions(world)
        try await world.wait(until: "the mark is there") {
            try await leader.tick()
            world.clock.advance(by: .seconds(3))
            return try await world.mark(of: "users") != nil
        }
        // Also rows outside the filter, which a transaction of another test made look changed, are unlinked no more.
        for _ in 0..<2 {
            world.clock.advance(by: .seconds(31))
            try await leader.tick()
        }
        return leader
    }

    /// A transaction that stamped its row long before it commits.
    private static func stamp(_ id: Int, _ name: String) -> String {
        "update users set name = '\(name)', updated_at = now() - interval '2 hours' where id = \(id)"
    }

    @Test(
        "A transaction that stamps its rows early and commits late is read when it commits",
        arguments: Dataset.WriteMode.allCases)
    func lateCommit(_ mode: Dataset.WriteMode) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await Self.settledLeader(world, mode)
            try await Self.fill(world, 2)
            let slow = try await world.connect()
            try await slow.execute("begin; \(Self.stamp(2, "late"))")
            for _ in 0..<3 {
                try await leader.tick()
                world.clock.advance(by: .seconds(4))
            }
            #expect(try await world.get("user:2") == "\"old\"")
            try await slow.execute("commit")
            try await leader.tick()
            #expect(try await world.get("user:2") == (mode == .invalidate ? nil : "\"late\""))
            guard mode != .upsert else { return }
            // A reader that had asked before the commit: also of such a row the change is repeated.
            try await Self.fill(world, 2)
            for _ in 0..<3 {
                world.clock.advance(by: .seconds(1))
                try await leader.tick()
            }
            try await leader.tick()
            #expect(try await world.get("user:2") == (mode == .invalidate ? nil : "\"late\""))
        }
    }

    @Test("A change is read from a leader's first pass on", arguments: Dataset.WriteMode.allCases)
    func afterFirstPass(_ mode: Dataset.WriteMode) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: Self.dataset(mode))
            try await leader.tick()
            try await Self.fill(world, 2)
            try await leader.tick()  // reads nothing of it: nothing has changed
            try await world.sql(Self.stamp(2, "changed"))
            try await leader.tick()
            #expect(try await world.get("user:2") == (mode == .invalidate ? nil : "\"changed\""))
        }
    }

    @Test(
        "What changed while nobody led is read by the next leader", arguments: Dataset.WriteMode.allCases,
        [false, true])
    func whileNobodyLed(_ mode: Dataset.WriteMode, isPartitioned: Bool) async throws {
        let schema =
            isPartitioned
            ? Self.schema.replacing("text unique", with: "text").replacing(
                "timestamptz)", with: "timestamptz) partition by range (id)"
            )
            .replacing(
                "insert into", with: "create table users_1 partition of users for values from (1) to (100); insert into"
            )
            : Self.schema
        try await RefreshWorld.with(sql: schema) { world in
            _ = try await Self.settledLeader(world, mode)
            let mark = try #require(Mark(try await world.mark(of: "users") ?? ""))
            try await Self.fill(world, 3, 4)
            try await world.sql(Self.stamp(3, "changed"))
            let successor = try await world.leader(of: Self.dataset(mode))
            try await successor.tick()
            #expect(try await world.get("user:3") == (mode == .invalidate ? nil : "\"changed\""))
            // Unless a transaction of another test was older than the table, what had not changed was not read.
            let untouched = "select xmin::text::bigint < \(mark.horizon) from users where id = 4"
            if try await world.value(untouched) == "t" { #expect(try await world.get("user:4") == "\"old\"") }
        }
    }

    @Test("What changes when the very first leader has ended early is read by the next one")
    func afterFirstLeader() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: Self.dataset(.existing))
            // With all that is still to be repeated before it.
            try await world.wait(until: "the mark is there") {
                try await leader.tick()
                return try await world.mark(of: "users") != nil
            }
            try await Self.fill(world, 2)
            try await world.sql(Self.stamp(2, "changed"))
            try await world.leader(of: Self.dataset(.existing)).tick()
            #expect(try await world.get("user:2") == "\"changed\"")
        }
    }

    enum Ending: CaseIterable { case inOrder, crash }

    @Test("What changed around a restart of the server is read by a leader that stays", arguments: Ending.allCases)
    func restartUnderLeader(_ ending: Ending) async throws {
        try await LocalPostgres.withServer(ServerHistoryTests.options()) { server in
            try await RefreshWorld.with(sql: Self.schema, postgres: server) { world in
                try await world.whileLooping(Self.dataset()) { log, _ in
                    try await world.wait(until: "the first pass is over") { try await world.get("user:1") != nil }
                    try await world.sql(Self.stamp(2, "before"))
                    try await Self.end(server, ending)
                    try await server.restart()
                    try await world.sql(Self.stamp(3, "after"))
                    try await Self.waitForBoth(world)
                    if ending == .crash { try await Self.waitForWarning(world, log) }
                }
            }
        }
    }

    @Test("What changed around a restart of the server is read by the next leader", arguments: Ending.allCases)
    func restartWhileNobodyLed(_ ending: Ending) async throws {
        try await LocalPostgres.withServer(ServerHistoryTests.options()) { server in
            try await RefreshWorld.with(sql: Self.schema, postgres: server) { world in
                _ = try await Self.settledLeader(world, .upsert)
                try await Self.fill(world, 2, 3)
                try await world.sql(Self.stamp(2, "before"))
                try await Self.end(server, ending)
                try await server.restart()
                try await world.sql(Self.stamp(3, "after"))
                try await world.whileLooping(Self.dataset()) { log, _ in
                    try await Self.waitForBoth(world)
                    if ending == .crash { try await Self.waitForWarning(world, log) }
                }
            }
        }
    }

    private static func end(_ server: LocalPostgres, _ ending: Ending) async throws {
        switch ending {
        case .inOrder: await server.stop()
        case .crash: await server.kill()
        }
    }

    private static func waitForBoth(_ world: RefreshWorld) async throws {
        try await world.wait(until: "both are read") {
            let values = [try await world.get("user:2"), try await world.get("user:3")]
            return values == ["\"before\"", "\"after\""]
        }
    }

    private static func waitForWarning(_ world: RefreshWorld, _ log: LogRecorder) async throws {
        try await world.wait(until: "it is told that more may have changed") {
            log.messages(at: .warning).contains { $0.contains("may have changed unnoticed") }
        }
    }

    @Test("A change that did not reach Redis is read again, whatever the passes after it find")
    func failure() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: Self.dataset())
            try await leader.tick()
            try await world.sql(Self.stamp(2, "late"))
            // The next batch finds a gap.
            try await world.command("HINCRBY", world.keys.fence, "sequence", "1")
            #expect(await leader.troubleOfNextTick()?.contains("missing") == true)
            try await leader.tickUntilItWorks()
            #expect(try await world.get("user:2") == "\"late\"")
        }
    }

    @Test("A change is not lost because columns came meanwhile, also if that pass fails", arguments: [false, true])
    func otherColumns(failsOnce: Bool) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("users", ["user:{id}"], filter: Self.filter))
            try await leader.tick()
            try await world.sql("\(Self.stamp(2, "late")); alter table users add column score int")
            if failsOnce {
                try await world.command("HINCRBY", world.keys.fence, "sequence", "1")
                #expect(await leader.troubleOfNextTick()?.contains("missing") == true)
                #expect(leader.known?.refresh.reachedMark != nil, "how far was read is not forgotten")
            }
            // Once PostgreSQL has flushed the log up to what was read before.
            try await world.wait(until: "the change is read") {
                try await leader.tick()
                return try await world.get("user:2")?.contains("late") == true
            }
        }
    }

    @Test(
        "What changed before the table became another one is read, by the next leader and by one that stays",
        arguments: [Dataset.WriteMode.upsert, .existing], [false, true])
    func otherDefinition(_ mode: Dataset.WriteMode, staysLeader: Bool) async throws {
        let schema = Self.schema.replacing("text unique", with: "text").replacing(
            "timestamptz)",
            with: "timestamptz) partition by range (id); create table p partition of users for values from (1) to (100)"
        )
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await Self.settledLeader(world, mode)
            try await Self.fill(world, 2, 3)
            try await world.sql(Self.stamp(2, "before"))
            // Another one in each way: files, partitions and columns.
            try await world.sql("vacuum full p")
            try await world.sql("create table q partition of users for values from (100) to (200)")
            try await world.sql("alter table users add column score int")
            try await world.sql(Self.stamp(3, "after"))
            let next = staysLeader ? leader : try await world.leader(of: Self.dataset(mode))
            try await next.tick()
            #expect(try await world.get("user:2") == "\"before\"")
            #expect(try await world.get("user:3") == "\"after\"")
            try await world.sql(Self.stamp(2, "later"))
            try await next.tick()
            #expect(try await world.get("user:2") == "\"later\"")
        }
    }

    enum OtherTable: CaseIterable { case partition, swapped }

    @Test(
        "Rows of a table that was filled long ago are read when it is attached, or takes the place of another one",
        arguments: OtherTable.allCases, [false, true])
    func olderTable(_ other: OtherTable, staysLeader: Bool) async throws {
        let schema = """
            create table users (id int primary key, name text, updated_at timestamptz) partition by range (id);
            create table near partition of users for values from (1) to (10);
            create table aside (like users including all);
            insert into users values (1, 'one', now());
            insert into aside select n, 'another ' || n, now() - interval '1 day' from generate_series(11, 13) n;
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await Self.settledLeader(world, .existing)
            try await Self.fill(world, 12)
            try await world.sql(
                other == .partition
                    ? "alter table users attach partition aside for values from (10) to (20)"
                    : "alter table users rename to former; alter table aside rename to users")
            let next = staysLeader ? leader : try await world.leader(of: Self.dataset(.existing))
            try await next.tick()
            #expect(try await world.get("user:12") == "\"another 12\"")
            // From then on they are read no more: the mark knows the table.
            let table = try #require(
                UInt32(
                    try await world.value("select '\(other == .partition ? "aside" : "users")'::regclass::oid") ?? ""))
            try await world.wait(until: "the mark knows the table") {
                world.clock.advance(by: .seconds(31))
                try await next.tick()
                return next.known?.refresh.reachedMark?.tables.contains(table) == true
            }
        }
    }

    @Test("`changes: filter` reads nothing but what fits")
    func onlyFilter() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: Self.dataset(changes: .filter))
            try await leader.tick()
            try await world.sql(
                "\(Self.stamp(2, "late")); update users set name = 'in time', updated_at = now() where id = 3")
            try await leader.tick()
            #expect(try await world.keyNames() == ["user:1", "user:3"])
        }
    }
}

import CacheRefresh
import LocalStack
import PostgresClient
import Synchronization
import TestSupport
import Testing

@testable import DatasetReading
@testable import RefreshRuntime

/// On a PostgreSQL of their own: any transaction of anybody opens the gate.
@Suite("The gate: may a tick go without reading?", .serialized)
struct GateTests {
    private static let server = Task {
        var options = LocalPostgres.Options()
        options.configuration = [
            "autovacuum = off", "max_prepared_transactions = 5", "checkpoint_timeout = 1h",
            "synchronous_standby_names = 'nobody'", "synchronous_commit = off",
        ]
        return try await LocalPostgres.start(options)
    }

    private static func world(_ sql: String, _ body: (RefreshWorld) async throws -> Void) async throws {
        try await RefreshWorld.with(sql: sql, postgres: try await server.value, body)
    }

    static let schema = """
        create table t (id int primary key, v int, at timestamptz default '2024-01-01');
        create unlogged table u (id int primary key, v int); insert into u values (1, 1);
        insert into t (id, v) select n, n from generate_series(1, 30) n;
        create table w (id int);
        create sequence sq; create view counted as select id, v, (select last_value from sq) as last from t;
        create view plain as select id, v from t where v > 0;
        create view moving as select id, v from t where at < now();
        create view hidden as select * from moving;
        create function recent() returns timestamptz language sql stable as 'select now()';
        create function volatile_one() returns int language plpgsql as 'begin return 1; end';
        create view by_function as select id, v from t where at < recent();
        create materialized view stored as select id, v from t;
        create extension file_fdw;
        create server files foreign data wrapper file_fdw;
        create foreign table far (id int, v int) server files options (filename '/dev/null');
        create table parts (id int, v int) partition by range (id);
        create table part_1 partition of parts for values from (0) to (10);
        create foreign table part_2 partition of parts for values from (10) to (20)
            server files options (filename '/dev/null');
        """

    /// A dataset, and whether the gate may be asked about it.
    struct Case: Sendable, CustomTestStringConvertible {
        let dataset: Dataset
        let obstacle: String?

        init(_ table: String, where condition: String? = nil, filter: String? = nil, _ obstacle: String?) {
            dataset = try! .table(  // a template without mistakes
                table, ["k:{id}"], where: condition, filter: filter, identity: ["id"])
            self.obstacle = obstacle
        }

        init(query: String, _ obstacle: String?) {
            dataset = try! .query(query, identity: ["id"], ["k:{id}"])  // a template without mistakes
            self.obstacle = obstacle
        }

        var testDescription: String { "\(dataset.source) → \(obstacle ?? "gate")" }
    }

    @Test("Not where rows can change although the database does not")
    func obstacles() async throws {
        let cases = [
            Case("t", nil),
            Case("t", where: "v % 2 = 0 and upper(v::text) <> 'x'", nil),
            Case("t", where: "at < '2030-01-01' and date_trunc('day', at) > '2000-01-01'", nil),
            Case("u", nil),
            Case("plain", nil),
            Case("stored", nil),
            Case(query: "select v as id, json_agg(t order by id) as rows, max(at) as at from t group by v", nil),
            Case("t", where: "at < now()", "now()"),
            Case("t", where: "at < NOW ( )", "now()"),
            Case("t", filter: "at > now() - interval '1 hour'", "now()"),
            Case("t", where: "at < current_timestamp", "current_timestamp"),
            Case("t", where: "at < 'now'", "'now'"),
            Case("t", where: "at::date = date 'today'", "'today'"),
            Case("t", where: "random() < 2", "random()"),
            Case("t", where: "v = volatile_one()", "volatile_one()"),
            Case("t", where: "at < recent()", "recent()"),
            Case("t", where: "v::text <> current_setting('application_name')", "current_setting()"),
            Case("moving", "now()"),
            Case("hidden", "now()"),
            Case("by_function", "now()"),
            Case(query: "select id, clock_timestamp() as at from t", "clock_timestamp()"),
            Case(query: "select id from t tablesample system (50)", "system()"),
            Case(query: "select pid as id from pg_stat_activity", "pg_stat_get_activity()"),
            Case(query: "select 1 as id, last_value from sq", "public.sq is a sequence"),
            Case("t", where: "id <= (select last_value from sq)", "public.sq is a sequence"),
            Case("counted", "public.sq is a sequence"),
            Case("far", "public.far is a foreign table"),
            Case("parts", "public.part_2 is a foreign table"),
            Case(query: "select id from t union select id from far", "public.far is a foreign table"),
        ]
        try await Self.world(Self.schema) { world in
            let connection = try await world.connect()
            for test in cases {
                let source = DatasetSource(dataset: test.dataset, keyPrefix: "")
                let binding = try await source.bind(on: connection)
                // A function that was inlined is told by what it is made of, or by its own name.
                let names = ["now()", "recent()"].contains(test.obstacle) ? ["now()", "recent()"] : [test.obstacle]
                #expect(
                    names.contains(binding.gateObstacle), "\(test.testDescription): \(binding.gateObstacle ?? "none")")
            }
            var dataset = cases[0].dataset
            dataset.changes = .snapshot
            #expect(try await DatasetSource(dataset: dataset, keyPrefix: "").bind(on: connection).gateObstacle != nil)
        }
    }

    @Test("Not where a foreign table becomes a part of what is read while a leader is at work")
    func laterObstacle() async throws {
        let schema = """
            create extension if not exists file_fdw; create server rows foreign data wrapper file_fdw;
            create table own (id int primary key); insert into own values (1);
            create foreign table far (id int not null) server rows options (filename '/dev/null')
            """
        try await Self.world(schema) { world in
            let leader = try await world.leader(of: .table("own", ["own:{id}"]))
            try await world.wait(until: "the gate shuts") { try await leader.tick() == nil }
            try await world.sql("alter foreign table far inherit own")
            for _ in 1...2 { #expect(try await leader.tick() != nil) }
            #expect(leader.known?.binding.gateObstacle == "public.far is a foreign table")
        }
    }

    @Test("A tick reads nothing where nothing happened, and reads after each kind of change")
    func opens() async throws {
        let changes = [
            "insert into t values (31, 31)", "update t set v = 0 where id = 1", "delete from t where id = 2",
            "begin; savepoint a; update t set v = 100 where id = 3; release a; commit",
            "begin; insert into t values (40, 40); rollback",
            "alter table t add column extra text default 'x'", "alter table t drop column extra",
            "begin; truncate t; insert into t (id, v) select n, n from generate_series(5, 30) n; commit",
            "copy t (id, v) from program 'printf \"90\\t90\\n\"'",
            "insert into u values (2, 2)", "update u set v = 5", "create table other (id int)",
        ]
        try await Self.world(Self.schema) { world in
            let logged = try await world.leader(of: .table("t", ["t:{id}"]))
            let unlogged = try await world.leader(of: .table("u", ["u:{id}"]), term: logged.term, fence: logged.fence)
            for change in [""] + changes {
                if !change.isEmpty { try await world.sql(change) }
                for (leader, table) in [(logged, "t"), (unlogged, "u")] {
                    #expect(try await leader.tick() != nil, "\(change) must be seen in \(table)")
                    #expect(try await world.differences(in: table, prefix: "\(table):") == [], "\(change)")
                }
                // A background process may write to the log now and then.
                try await world.wait(until: "the gate shuts after \(change)") { try await logged.tick() == nil }
            }
        }
    }

    @Test("A sequence that moves without a word in the log is read at each tick")
    func sequence() async throws {
        try await Self.world(Self.schema) { world in
            let leader = try await world.leader(
                of: .query("select 1 as id, last_value from sq", identity: ["id"], ["sq:{id}=last_value"]))
            let watcher = try await world.connect()
            for number in 1...40 {  // PostgreSQL logs 32 numbers at a time
                _ = try await watcher.query("select nextval('sq')")
                try await leader.tick()
                #expect(try await world.get("sq:1") == "\(number)")
            }
        }
    }

    @Test("A commit that was under way during the snapshot is not missed")
    func commitUnderWay() async throws {
        try await Self.world(Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            let writer = try await world.connect()
            for end in ["commit", "prepare transaction 'x'"] {
                try await writer.execute("begin; update t set v = v + 1 where id = 1")
                for _ in 0..<3 { #expect(try await leader.tick() != nil) }
                try await writer.execute(end)
                for _ in 0..<3 { try await leader.tick() }
                if end != "commit" { try await writer.execute("commit prepared 'x'") }
                try await leader.tick()
                #expect(try await world.differences(in: "t", prefix: "t:") == [])
                try await world.wait(until: "the gate shuts") { try await leader.tick() == nil }
            }
        }
    }

    /// A commit writes its record to the log first and becomes visible a moment later. A synchronous standby that is
    /// not there makes that moment last: such a record stands before the position that the pass notes, and its rows are
    /// not in the snapshot that follows.
    @Test("A commit that is logged but not yet visible is not missed", arguments: [true, false])
    func commitNotYetVisible(hasGuard: Bool) async throws {
        try await Self.world(Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            let writer = try await world.connect()
            try await writer.execute("set synchronous_commit = on")
            async let commit: Void = writer.execute("update t set v = 1000 where id = 1")
            try await world.wait(until: "the commit waits for its standby") {
                let wait = "select wait_event from pg_stat_activity where pid = \(writer.backendPID)"
                return try await world.value(wait) == "SyncRep"
            }
            try await leader.tick()
            #expect(leader.state.memory.snapshot?.isQuiet == false)
            // A gate that looks at the log alone would think that it has seen everything.
            if !hasGuard, case .complete(let known, var snapshot) = leader.state.memory {
                snapshot.isQuiet = true
                leader.state.memory = .complete(known, snapshot)
            }
            let cancelling = try await world.connect()
            _ = try await cancelling.query("select pg_cancel_backend(\(writer.backendPID))")
            try await commit
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:").isEmpty == hasGuard)
        }
    }

    @Test("A writer hammers while a leader ticks: whenever it rests, one more tick makes the cache equal")
    func hammer() async throws {
        try await Self.world(Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], where: "id = 1"))
            try await GateRace(rounds: 250).run(world, leader)
        }
    }
}

/// A writer changes row 1 in two of three rounds, and another row else, while a leader of row 1 ticks all the time.
/// What it wrote is in the cache after one more tick.
struct GateRace {
    let rounds: Int

    /// - Parameter arrival: waits until what was written can be seen where the leader reads.
    func run(
        _ world: RefreshWorld, _ leader: Leader, arrival: @escaping @Sendable () async throws -> Void = {}
    ) async throws {
        let writer = try await world.connect()
        for round in 1...rounds {
            let isWriting = Mutex(true)
            async let writing: Void = {
                defer { isWriting.withLock { $0 = false } }
                let id = round % 3 == 0 ? 2 : 1
                try await writer.execute("begin; update t set v = \(round) where id = \(id); commit")
                try await arrival()
            }()
            repeat {
                try await leader.tick()
            } while isWriting.withLock { $0 }
            try await writing
            try await leader.tick()
            let expected = round % 3 == 0 ? round - 1 : round
            guard try await world.get("t:1")?.contains("\"v\":\(expected),") == true else {
                Issue.record("round \(round) was missed")
                return
            }
        }
        try await world.wait(until: "the gate shuts") { try await leader.tick() == nil }
    }
}

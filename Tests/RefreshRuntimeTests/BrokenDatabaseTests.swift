import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import DatasetReading
@testable import ElectionRuntime
@testable import RefreshRuntime

@Suite("What happens to the database between and during passes")
struct BrokenDatabaseTests {
    @Test(
        "what PostgreSQL quotes of rows and statements stays out of the log",
        arguments: [
            ("select v::int from (values ('hunter2 \"x\"')) t (v)", "invalid input syntax for type integer: \"…\""),
            ("select 'host=a password=hunter2", "unterminated quoted string at or near \"…\""),
            ("select 1/0", "division by zero"),
            ("do $$ begin raise exception 'hunter2'; end $$", "[SQLSTATE P0001]"),
        ])
    func quotes(_ sql: String, _ text: String) async throws {
        try await RefreshWorld.with { world in
            let connection = try await world.connect()
            let error = await #expect(throws: PostgresError.self) { _ = try await connection.query(sql) }
            let told = Problem(try #require(error)).text
            #expect(told.contains(text) && !told.contains("hunter2"), "\(told)")
            await connection.close()
        }
    }

    @Test("so does what other languages quote, and what Redis repeats of a command")
    func otherWords() {
        var german = PostgresError(
            code: .server(sqlState: "22P02"), message: "ungültige Eingabe: »hunter2«", sqlState: "22P02")
        #expect(Problem(german).text == "ungültige Eingabe: »…« [SQLSTATE 22P02]")
        german.sqlState = "XX000"
        #expect(!Problem(german).text.contains("hunter2"))
        let redis = RedisError(
            code: .server(RedisServerError(prefix: "ERR", message: "")), delivery: .rejected, message: "Refused.",
            underlying: "ERR unknown command 'SET', with args beginning with: 'key' 'hunter2'")
        #expect(Problem(redis).text == "Refused. (ERR unknown command 'SET', …")
    }

    static let schema = """
        create table t (id int primary key, v text, w int);
        insert into t select n, 'row ' || n, n from generate_series(1, 8) n;
        """

    /// What is done to the table, what people are told (nil: the pass succeeds), and what repairs it.
    struct Damage: Sendable, CustomTestStringConvertible {
        let sql: String
        let told: [String]?
        let repair: String
        var query: String?
        init(_ sql: String, told: [String]?, repair: String = "select 1", query: String? = nil) {
            (self.sql, self.told, self.repair, self.query) = (sql, told, repair, query)
        }
        var testDescription: String { sql }
    }

    static let damages = [
        Damage("alter table t add column x int default 5", told: nil),
        Damage("alter table t drop column w", told: nil),
        Damage("alter table t rename w to x", told: nil),
        Damage("alter table t alter w type text using 'n' || w", told: nil),
        Damage("alter table t alter w type int[] using array[w]", told: nil),
        Damage("alter table t alter id type bigint", told: nil),
        Damage("alter table t drop constraint t_pkey; alter table t add primary key (id)", told: nil),
        Damage(
            "alter table t rename v to v2", told: ["names the column v, which does not exist", "id, v2, w"],
            repair: "alter table t rename v2 to v"),
        Damage(
            "alter table t drop column v", told: ["names the column v, which does not exist"],
            repair: "alter table t add column v text default 'new'"),
        Damage(
            "alter table t alter v type text[] using array[v]",
            told: ["uses the column v, whose value is JSON", "casts"],
            repair: "alter table t alter v type text using v[1]"),
        Damage(
            "alter table t drop constraint t_pkey", told: ["no primary key", "identity"],
            repair: "alter table t add primary key (id)"),
        Damage("alter table t drop constraint t_pkey; alter table t add primary key (w, id)", told: nil),
        Damage("drop table t", told: ["does not exist"], repair: schema),
        Damage("alter table t rename to s", told: ["does not exist"], repair: "alter table s rename to t"),
        Damage(
            "alter table t rename to s; create view t as select * from s", told: ["no primary key"],
            repair: "drop view t; alter table s rename to t"),
        Damage("drop table t; \(schema) update t set v = v || ' again'", told: nil),
        Damage(
            "create table s (like t including all); insert into s select * from t; drop table t; alter table s rename to t",
            told: nil),
        Damage(
            "revoke all on t from READER", told: ["permission denied", "GRANT"], repair: "grant select on t to READER"),
        Damage(
            "revoke all on schema public from READER, public", told: ["schema", "usage"],
            repair: "grant usage on schema public to READER"),
        Damage("alter table t add constraint c check (id > 0); analyze t; update t set v = v || '!'", told: nil),
        // The query stays the same, what it reads does not.
        Damage(
            "create table s as select * from t; create or replace view seen as select * from s; drop table t; alter table s rename to t2",
            told: nil, query: "select * from seen"),
        Damage("revoke select on t from READER", told: nil, query: "select * from seen"),
        Damage(
            "drop view seen", told: ["does not exist"],
            repair: "create view seen as select * from t; grant select on seen to READER", query: "select * from seen"),
        Damage(
            "create or replace view seen as select id, v, 1 / (w - 3) as w from t", told: ["division by zero"],
            repair: "create or replace view seen as select id, v, w from t", query: "select * from seen"),
    ]

    @Test(
        "A table that changes: a clear error or a defined result, the cache otherwise untouched, and all well after repair",
        arguments: damages)
    func damage(_ damage: Damage) async throws {
        let view = damage.query == nil ? "" : "create view seen as select id, v, w from t;"
        try await RefreshWorld.with(sql: Self.schema + view) { world in
            let reader = try await world.makeUser("grant select on all tables in schema public to USER")
            func run(_ sql: String) async throws {
                try await world.sql(sql.replacing("READER", with: reader))
                if sql.contains("revoke") { return }
                try await world.sql("grant select on all tables in schema public to \(reader)")
            }
            let keys = ["t:{id}", "v:{v}=id"]
            let dataset =
                if let query = damage.query { try Dataset.query(query, identity: ["id"], keys) } else {
                    try Dataset.table("t", keys)
                }
            let leader = try await world.leader(of: dataset, on: try await world.connect(as: reader))
            try await leader.tick()
            let before = try await world.keyNames()
            try await run(damage.sql)
            if let told = damage.told {
                for _ in 0..<2 {
                    let text = try #require(await leader.troubleOfNextTick())
                    for words in told { #expect(text.contains(words), "\(text)") }
                }
                #expect(try await world.keyNames() == before)
                try await run(damage.repair)
            }
            try await leader.tick()
            let relation = damage.query == nil ? "t" : "seen"
            #expect(try await world.differences(in: relation, prefix: "t:") == [])
            #expect(
                try await world.keyNames().count { $0.hasPrefix("v:") }
                    == (damage.sql.contains("drop column v") ? 1 : 8))
            try await world.sql("delete from \(relation) where id = 8")
            try await leader.tick()
            #expect(try await world.differences(in: relation, prefix: "t:") == [])
        }
    }

    @Test("A view that begins to show the moment is read at each tick from then on")
    func viewBeginsToMove() async throws {
        try await RefreshWorld.with(sql: Self.schema + "create view seen as select * from t") { world in
            let leader = try await world.leader(of: .query("select * from seen", identity: ["id"], ["t:{id}"]))
            try await leader.tick()
            #expect(leader.known?.binding.gateObstacle == nil)
            try await world.sql("create or replace view seen as select * from t where now() > '2000-01-01'")
            try await leader.tick()
            #expect(leader.known?.binding.gateObstacle == "now()")
        }
    }

    // MARK: The server

    @Test(
        "A session that is terminated in the middle of a read: the pass fails, nothing is deleted, the next one succeeds"
    )
    func terminated() async throws {
        let schema = """
            create table t (id int primary key, v text);
            insert into t select n, repeat(md5(n::text), 30) from generate_series(1, 20000) n;
            create function slow(int) returns int language plpgsql as
                'begin if $1 = 15000 then perform pg_sleep(60); end if; return $1; end';
            create table switch (sleeps bool); insert into switch values (true);
            """
        try await RefreshWorld.with(sql: schema) { world in
            let query = """
                select id, case when (select sleeps from switch) then slow(id) else id end as n, left(v, 20) as v from t
                """
            let leader = try await world.leader(of: .query(query, identity: ["id"], ["t:{id}"]))
            let pid = leader.connection.backendPID
            async let killed: Void = {
                try await world.wait(until: "the read sleeps in its middle") {
                    try await world.value("select wait_event from pg_stat_activity where pid = \(pid)") == "PgSleep"
                }
                try await world.sql("update switch set sleeps = false; select pg_terminate_backend(\(pid))")
            }()
            let problem = try #require(await leader.troubleOfNextTick())
            try await killed
            #expect(problem.contains("Open a new connection") || problem.contains("try again"), "\(problem)")
            let written = try await world.keyNames().count
            #expect(written < 15000)
            let summary = try #require(try await leader.tick())
            #expect(summary.keysDeleted == 0 && summary.rowsRead == 20000)
            #expect(try await world.keyNames().count == 20000)
        }
    }

    @Test("A statement that runs into the server's timeout says so")
    func statementTimeout() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let user = try await world.makeUser("grant select on t to USER")
            let leader = try await world.leader(of: .table("t", ["t:{id}"]), on: try await world.connect(as: user))
            try await leader.tick()
            // Not during the read: how long that may take depends on the table.
            let slow = try Dataset.query("select id, pg_sleep(0.15)::text as v from t", identity: ["id"], ["t:{id}"])
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(
                    url: world.databaseURL, connectTimeout: .seconds(20), statementTimeout: .milliseconds(1000),
                    settings: PostgresSession.settings))
            let patient = try await world.leader(of: slow, term: leader.term, fence: leader.fence, on: connection)
            try await patient.tick()
            // But while it is found out what there is to read.
            let writer = try await world.connect()
            try await writer.execute("begin; lock table t in access exclusive mode")
            let hurried = try await world.leader(of: slow, term: leader.term, fence: leader.fence, on: connection)
            let problem = try #require(await hurried.troubleOfNextTick())
            #expect(problem.contains("statement timeout"), "\(problem)")
            try await writer.execute("rollback")
            try await hurried.tick()
            await connection.close()
        }
    }

    @Test("PostgreSQL stops, stays away and comes back: the cache stays, and is right again")
    func restart() async throws {
        try await LocalPostgres.withServer { server in
            try await RefreshWorld.with(sql: Self.schema, postgres: server) { world in
                let leader = try await world.leader(of: .table("t", ["t:{id}"]))
                try await leader.tick()
                let term = leader.term
                await server.stop()
                let broken = try #require(await leader.troubleOfNextTick())
                #expect(broken.contains("connection"), "\(broken)")
                let absent = try #require(await leader.troubleOfNextTick())
                #expect(absent.contains("refused"), "\(absent)")
                #expect(try await world.keyNames().count == 8)
                try await server.restart()
                try await world.sql("update t set v = 'after' where id = 1; delete from t where id = 2")
                try await leader.tickUntilItWorks()
                #expect(try await world.differences(in: "t", prefix: "t:") == [])
                #expect(term.isLive())
            }
        }
    }
}

import CacheRefresh
import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading

/// A pooler hands us anybody's session, and ours to anybody.
@Suite("Behind PgBouncer")
struct PoolerTests {
    static let schema = """
        create schema other; create table other.t (id int primary key, v text);
        insert into other.t select n, 'somebody else''s' from generate_series(3, 9) n;
        create table t (id int primary key, v text); insert into t select n, 'ours' from generate_series(1, 5) n;
        """

    /// Runs `body` behind a pooler that has one connection to the server: whoever comes gets that one.
    private static func with(
        _ mode: LocalPgBouncer.PoolMode, settings: [String: String] = [:],
        _ body: (RefreshWorld, LocalPgBouncer) async throws -> Void
    ) async throws {
        try await RefreshWorld.with(sql: schema) { world in
            let settings = settings.merging(["default_pool_size": "1"]) { own, _ in own }
            try await LocalPgBouncer.withServer(mode, inFrontOf: world.postgres, settings: settings) {
                try await body(world, $0)
            }
        }
    }

    private static func connect(
        _ world: RefreshWorld, _ pooler: LocalPgBouncer, _ parameters: String = "", asBaton: Bool = true
    ) async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            PostgresConfiguration(
                url: pooler.url(database: world.databaseName) + parameters, connectTimeout: .seconds(20),
                settings: asBaton ? PostgresSession.settings : [], isReadOnly: asBaton))
    }

    @Test(
        "Whatever another client has set in the session, or left there, our tables are read",
        arguments: [
            "set search_path = other", "create temp table t as select id, 'a temporary one' as v from other.t",
            "set role nobody_of_ours", "set default_transaction_isolation = serializable; set lc_monetary = 'C.utf8'",
        ])
    func othersSettings(_ statement: String) async throws {
        try await Self.with(.transaction) { world, pooler in
            if statement.contains("nobody") {
                try await world.sql("drop role if exists nobody_of_ours; create role nobody_of_ours")
            }
            let stranger = try await Self.connect(world, pooler, asBaton: false)
            let connection = try await Self.connect(world, pooler)
            let table = try await world.leader(of: .table("t", ["t:{id}"], changes: .snapshot), on: connection)
            let query = try await world.leader(
                of: .query("select * from t -- ours", identity: ["id"], ["q:{id}"]), term: table.term,
                fence: table.fence, on: connection)
            try await stranger.execute(statement)
            // Also where it was there before we connected.
            let late = try await Self.connect(world, pooler)
            let second = try await world.leader(
                of: .table("t", ["late:{id}"], changes: .snapshot), term: table.term, fence: table.fence, on: late)
            for leader in [table, query, second] { #expect(try await leader.tick()?.keysWritten == 5) }
            try await stranger.execute(statement.replacing("create temp table t as", with: "insert into t"))
            for leader in [table, query, second] { try await leader.tick() }
            for prefix in ["t:", "q:", "late:"] {
                #expect(try await world.differences(in: "public.t", prefix: prefix) == [])
            }
            #expect(connection.isUsable)
            for connection in [stranger, connection, late] { await connection.close() }
            if statement.contains("nobody") { try await world.sql("drop role nobody_of_ours") }
        }
    }

    @Test("Nothing that Baton asks for stays in the session", arguments: LocalPgBouncer.PoolMode.allCases)
    func nothingStays(_ mode: LocalPgBouncer.PoolMode) async throws {
        // As poolers are set up that trust their clients: nothing cleans a session between two of them.
        try await Self.with(mode, settings: ["server_reset_query": ""]) { world, pooler in
            let connection = try await Self.connect(world, pooler)
            let leader = try await world.leader(of: .table("t", ["t:{id}"]), on: connection)
            for _ in 0..<3 { try await leader.tick() }
            _ = try? await connection.query("select 1/0")
            for try await _ in try await connection.copy("copy t to stdout") {}
            if mode == .session { await connection.close() }
            let stranger = try await Self.connect(world, pooler, asBaton: false)
            let list = """
                create temp table found as select name, setting from pg_settings
                where source = 'session' and name not in ('application_name', 'client_encoding')
                """
            try await stranger.execute(list)
            let found = try await stranger.query("select name || ' = ' || setting from found").compactMap { $0[0] }
            #expect(found == [])
            await stranger.close()
            await connection.close()
        }
    }

    @Test("What the URL asks for and the pooler drops is refused, with the remedy")
    func lostOptions() async throws {
        try await Self.with(.transaction, settings: ["ignore_startup_parameters": "options"]) { world, pooler in
            for (options, told) in [
                ("?options=-csearch_path%3Dother", ["search_path = other", "\"$user\", public"]),
                ("?options=-c%20work_mem%3D65536kB%20--default-text-search-config%3Dsimple", ["work_mem = 65536kB"]),
                ("?options=-capp.tenant%3D7", ["app.tenant = 7", "has none"]),
            ] {
                let error = await #expect(throws: PostgresError.self) {
                    _ = try await Self.connect(world, pooler, options)
                }
                let text = "\(try #require(error))"
                for words in told + ["ignore_startup_parameters", "ALTER ROLE"] { #expect(text.contains(words)) }
            }
            try await LocalPgBouncer.withServer(.transaction, inFrontOf: world.postgres) { pooler in
                let error = await #expect(throws: PostgresError.self) {
                    _ = try await Self.connect(world, pooler, "?options=-csearch_path%3Dother")
                }
                let told = try #require(error)
                #expect(told.message.contains("ALTER ROLE"))
            }
            // What Baton decides itself may be asked for in vain, and what is set at the role is found.
            for statement in ["search_path = other", "work_mem = '64MB'"] {
                try await world.sql("alter database \(world.databaseName) set \(statement)")
            }
            try await LocalPgBouncer.withServer(
                .transaction, inFrontOf: world.postgres, settings: ["ignore_startup_parameters": "options"]
            ) { pooler in
                let options = "?options=-cTimeZone%3DAsia/Tokyo%20-csearch_path%3Dother%20-cwork_mem%3D65536kB"
                let connection = try await Self.connect(world, pooler, options)
                let leader = try await world.leader(of: .table("t", ["t:{id}"]), on: connection)
                #expect(try await leader.tick()?.rowsRead == 7)
                await connection.close()
            }
        }
    }

    @Test("What the URL asks for holds in each transaction where no pooler drops it")
    func options() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let options = "?options=-c%20search_path%3Dother%20-c%20work_mem%3D65536kB%20-c%20geqo%3Doff"
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: world.databaseURL + options, settings: PostgresSession.settings))
            try await connection.execute("set search_path = public; set work_mem = '1MB'")
            let row = try await connection.query("select current_setting('work_mem'), current_setting('geqo')").first
            #expect(row?[0] == "64MB" && row?[1] == "off")
            let leader = try await world.leader(of: .table("t", ["t:{id}"]), on: connection)
            #expect(try await leader.tick()?.rowsRead == 7)
            await connection.close()
        }
    }

    @Test("A table that appears earlier in the search path is the dataset's table from the next tick on")
    func laterTable() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let user = try await world.makeUser("grant select on t to USER; grant usage on schema other to USER")
            try await world.sql("alter role \(user) set search_path = first, public; create schema first")
            try await world.sql("grant usage on schema first to \(user)")
            let leader = try await world.leader(of: .table("t", ["t:{id}"]), on: world.connect(as: user))
            #expect(try await leader.tick()?.rowsRead == 5)
            try await world.sql(
                "create table first.t as select * from other.t; alter table first.t add primary key (id)")
            try await world.sql("grant select on first.t to \(user)")
            #expect(try await leader.tick()?.rowsRead == 7)
            #expect(try await world.get("t:9")?.contains("somebody") == true)
        }
    }
}

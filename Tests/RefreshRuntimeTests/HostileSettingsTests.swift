import CacheRefresh
import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading

/// Settings that roles and databases may have change the text of values, the meaning of SQL, and how long anything may
/// take.
@Suite("Roles and databases that ask for odd things")
struct HostileSettingsTests {
    static let ofTheRole = [
        "DateStyle = 'German, DMY'", "IntervalStyle = 'iso_8601'", "extra_float_digits = -15",
        "bytea_output = 'escape'", "TimeZone = 'Pacific/Chatham'", "lc_monetary = 'C.utf8'",
        "search_path = decoy, pg_catalog", "default_transaction_isolation = 'serializable'",
        "default_transaction_deferrable = on", "default_transaction_read_only = on", "statement_timeout = '300ms'",
        "lock_timeout = '1ms'", "idle_in_transaction_session_timeout = '40ms'", "standard_conforming_strings = off",
        "quote_all_identifiers = on",
    ]
    static let ofTheDatabase = [
        "array_nulls = off", "xmlbinary = 'hex'", "xmloption = 'document'", "client_encoding = 'LATIN1'",
        "client_min_messages = 'debug1'", "row_security = off", "enable_seqscan = off", "enable_sort = off",
        "enable_hashjoin = off", "jit = on", "work_mem = '64kB'", "default_text_search_config = 'german'",
        "plan_cache_mode = 'force_generic_plan'", "lc_numeric = 'C.utf8'", "backslash_quote = off",
        "transform_null_equals = on", "cursor_tuple_fraction = 0.001",
    ]

    /// What holds nevertheless, also where the tests' servers have no locale in which it would show.
    static let pinned: KeyValuePairs = [
        "TimeZone": "UTC", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "bytea_output": "hex",
        "extra_float_digits": "1", "lc_monetary": "C", "xmlbinary": "base64", "xmloption": "content",
        "array_nulls": "on", "standard_conforming_strings": "on", "quote_all_identifiers": "off",
        "idle_in_transaction_session_timeout": "1min", "lock_timeout": "0", "default_transaction_deferrable": "on",
        "transaction_deferrable": "off", "transaction_isolation": "read committed",
    ]

    /// How the database is reached.
    enum Way: String, CaseIterable, Sendable {
        case directly, transactionPool, sessionPool

        func connect(_ world: RefreshWorld, as user: String) async throws -> (PostgresConnection, LocalPgBouncer?) {
            let mode: LocalPgBouncer.PoolMode? =
                switch self {
                case .directly: nil
                case .transactionPool: .transaction
                case .sessionPool: .session
                }
            var pooler: LocalPgBouncer?
            if let mode { pooler = try await LocalPgBouncer.start(mode, inFrontOf: world.postgres) }
            let url =
                pooler?.url(database: world.databaseName, user: user)
                ?? world.postgres.url(database: world.databaseName, user: user)
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(
                    url: url, connectTimeout: .seconds(20), settings: PostgresSession.settings, isReadOnly: true))
            return (connection, pooler)
        }
    }

    @Test(
        "What is cached equals to_jsonb all the same, and nobody waits for strangers", .timeLimit(.minutes(2)),
        arguments: Way.allCases)
    func values(_ way: Way) async throws {
        try await RefreshWorld.with(sql: JSONEqualityTests.types) { world in
            let columns = RandomValues.kinds.enumerated().map { "c\($0) \($1.type)" }.joined(separator: ", ")
            try await world.sql("create table t (id int primary key, \(columns))")
            let writer = try await world.connect()
            var random = SplitMix(seed: 5)
            let slots = (1...RandomValues.kinds.count + 1).map { "$\($0)" }.joined(separator: ", ")
            try await writer.execute("begin")
            for id in 1...60 {
                var values: [String?] = ["\(id)"]
                for kind in RandomValues.kinds { values.append(random.once(in: 9) ? nil : kind.value(&random)) }
                _ = try await writer.query("insert into t values (\(slots))", values)
            }
            try await writer.execute("commit")
            let user = try await world.makeUser("grant select on all tables in schema public to USER")
            try await world.sql(
                """
                create table strange (id int);
                create schema decoy; create table decoy.t (id int primary key); grant usage on schema decoy to \(user);
                create function decoy.set_config(text, text, boolean) returns text language sql as 'select ''decoy''';
                """)
            for setting in Self.ofTheRole { try await world.sql("alter role \(user) set \(setting)") }
            var options = Self.ofTheDatabase
            if writer.serverVersion >= 170_000 { options.append("transaction_timeout = '200ms'") }
            for setting in options { try await world.sql("alter database \(world.databaseName) set \(setting)") }
            // Whom a deferrable transaction would wait for.
            try await writer.execute(
                "begin isolation level serializable read write; insert into strange values (1); select * from strange")

            let (connection, pooler) = try await way.connect(world, as: user)
            let leader = try await world.leader(of: .table("public.t", ["t:{id}"]), on: connection)
            let summary = try await leader.tick()
            #expect(summary?.rowsSetAside == 0 && summary?.keysWritten == 60)
            let differences = try await JSONEqualityTests.differences(world, in: "public.t t")
            #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(5))")
            for (name, value) in Self.pinned {
                #expect(try await connection.query("select current_setting($1)", [name]).first?[0] == value, "\(name)")
            }
            // Longer than each of the time-outs.
            let slow = """
                select id, pg_sleep(0.5)::text, '\\x41' || E'\\x41' as texts, '{null}'::text[] from public.t where id = 1
                """
            let patient = try await world.leader(
                of: .query(slow, identity: ["id"], ["slow:{id}"]), term: leader.term, fence: leader.fence,
                on: connection)
            try await patient.tick()
            #expect(
                try await world.get("slow:1") == #"{"id":1,"pg_sleep":"","texts":"\\x41A","text":[null]}"#)
            try await writer.execute("rollback")
            await writer.close()
            for _ in 0..<3 { try await leader.tick() }
            await connection.close()
            await pooler?.close()
        }
    }
}

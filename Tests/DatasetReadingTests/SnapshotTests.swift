import CacheRefresh
import PostgresClient
import TestSupport
import Testing

@Suite("What a pass reads: one state of the database, in one form")
struct SnapshotTests {
    static let schema = """
        create table t (id int primary key, v text); insert into t select n, 'old' from generate_series(1, 5) n;
        create view seen as select * from t;
        """

    /// Who reads what, while the table is emptied and filled again.
    enum Reader: String, CaseIterable, Sendable {
        case table, query, queryWithRightsOnItsColumns, view, viewWithoutRightsOnItsTable
    }

    @Test("TRUNCATE; INSERT; COMMIT during a pass: no empty table is seen", arguments: Reader.allCases)
    func truncate(_ reader: Reader) async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let dataset =
                switch reader {
                case .table: try Dataset.table("t", ["t:{id}"])
                case .query: try Dataset.query("select * from t", identity: ["id"], ["t:{id}"])
                case .queryWithRightsOnItsColumns:
                    try Dataset.query("select id, v from t", identity: ["id"], ["t:{id}"])
                case .view, .viewWithoutRightsOnItsTable: try Dataset.table("seen", ["t:{id}"], identity: ["id"])
                }
            let grant: String? =
                switch reader {
                case .viewWithoutRightsOnItsTable: "grant select on seen to USER"
                // The snapshot then comes before the lock, and may be older than the new rows.
                case .queryWithRightsOnItsColumns: "grant select (id, v) on t to USER"
                case .table, .query, .view: nil
                }
            var connection: PostgresConnection?
            if let grant { connection = try await world.connect(as: world.makeUser(grant)) }
            let leader = try await world.leader(of: dataset, on: connection)
            try await leader.tick()
            let writer = try await world.connect()
            // Open already: a pass does not wait long for a lock.
            let watcher = try await world.connect()
            for round in 1...2 {
                try await writer.execute(
                    "begin; truncate t; insert into t select n, '\(round)' from generate_series(1, 5) n")
                let pid = leader.connection.backendPID
                async let committed: Void = {
                    try await world.wait(until: "the pass waits for the lock") {
                        let waits = "select count(*) from pg_locks where pid = \(pid) and not granted"
                        return try await watcher.query(waits).first?[0] == "1"
                    }
                    try await writer.execute("commit")
                }()
                let summary = try await leader.tick()
                try await committed
                #expect(summary?.rowsRead == 5)
                #expect(summary?.keysDeleted == 0)
                #expect(try await world.differences(in: "t", prefix: "t:") == [])
            }
        }
    }

    @Test("A table that stays locked fails the pass with a clear error, and nothing else")
    func lockTimeout() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            let writer = try await world.connect()
            try await writer.execute("begin; truncate t")
            let problem = await leader.troubleOfNextTick()
            #expect(problem?.contains("lock timeout") == true)
            #expect(problem?.contains("try again") == true)
            #expect(try await world.keyNames().count == 5)
            try await writer.execute("rollback")
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    @Test("The text of values does not depend on the settings of server, database, user or pooler")
    func settings() async throws {
        let schema = """
            create table t (id int primary key, at timestamptz, day date, during interval, bytes bytea, small float4,
                            large float8, amounts float8[], moments timestamptz[]);
            insert into t values
                (1, '2024-02-29 12:00+05:30', '2024-02-29', '1 year -2 days 03:04:05.6', '\\x00ff', 0.1, 0.1::float8 + 0.2::float8,
                 '{0.1,1e300,NaN}', '{2024-01-01 00:00+00,infinity}'),
                (2, '0044-03-15 00:00+00 BC', 'infinity', '-1 mons', '', 3e-45, 'NaN', '{}', null);
            """
        let oddities = """
            alter role USER set DateStyle = 'German, DMY'; alter role USER set TimeZone = 'Asia/Kathmandu';
            alter role USER set IntervalStyle = 'sql_standard'; alter role USER set extra_float_digits = -15;
            alter role USER set bytea_output = 'escape'; alter role USER set client_encoding = 'LATIN1';
            alter role USER set statement_timeout = '100ms'; alter role USER set lock_timeout = '1ms';
            alter role USER set default_transaction_isolation = 'serializable'; alter role USER set search_path = public;
            alter role USER set standard_conforming_strings = off; alter role USER set array_nulls = off;
            """
        try await RefreshWorld.with(sql: schema) { world in
            let user = try await world.makeUser("grant select on t to USER;" + oddities)
            let connection = try await world.connect(as: user)
            // As a pooler may hand a session out that others have used.
            try await connection.execute("set TimeZone = 'Asia/Tokyo'; set bytea_output = 'escape'; set jit = off")
            let leader = try await world.leader(
                of: .table("t", ["t:{id}", "at:{at}=id", "large:{large}=id"]), on: connection)
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(try await world.get("at:2024-02-29T06:30:00+00:00") == "1")
            #expect(try await world.get("large:0.30000000000000004") == "1")
            try await world.sql("update t set during = '2 days' where id = 2")
            #expect(try await leader.tick()?.rowsChanged == 1)
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    // MARK: Filters

    /// An identity of this type, and three of its values.
    struct Identity: Sendable, CustomTestStringConvertible {
        let type: String
        let values: [String]
        init(_ type: String, _ values: String...) { (self.type, self.values) = (type, values) }
        var testDescription: String { type }
    }

    @Test(
        "With a filter, rows that leave it keep their keys, and deleted ones lose them, whatever names a row",
        arguments: [
            Identity("int", "1", "-2", "3"), Identity("text", "a b", "\"{},\\", "ü\n\t"),
            Identity("char(5)", "a", "b", "c"), Identity("varchar(5)", "a ", "b", "c"),
            Identity("\"char\"", "a", "b", "c"),
            Identity("boolean", "true", "false", "true"), Identity("numeric", "1.10", "NaN", "-0.5"),
            Identity("float8", "1e300", "0.1", "-Infinity"), Identity("bytea", "\\x00ff", "\\x61", "\\x5c"),
            Identity("timestamptz", "2024-01-01 12:00+05", "infinity", "0001-01-01 00:00+00 BC"),
            Identity("date", "2024-01-01", "infinity", "0001-01-01 BC"),
            Identity("uuid", "\(uuid(1))", "\(uuid(2))", "\(uuid(3))"),
            Identity("interval", "1 day", "2 mons", "-1 sec"), Identity("inet", "10.0.0.1", "10.0.0.0/8", "::1"),
            Identity("money", "1", "2.50", "-3"), Identity("bit(3)", "101", "111", "000"),
        ])
    func filter(_ identity: Identity) async throws {
        try await RefreshWorld.with { world in
            try await world.sql(
                "create table t (key \(identity.type), n int, hot bool default true, primary key (key, n))")
            let writer = try await world.connect()
            for (n, value) in identity.values.enumerated() {
                _ = try await writer.query("insert into t values ($1, $2)", [value, "\(n + 1)"])
            }
            let leader = try await world.leader(of: .table("t", ["t:{n}=n"], filter: "hot"))
            try await leader.tick()
            #expect(try await world.keyNames() == ["t:1", "t:2", "t:3"])
            try await world.sql("update t set hot = false where n = 1; delete from t where n = 2")
            let summary = try await leader.tick()
            #expect(summary?.keysDeleted == 1)
            #expect(try await world.keyNames() == ["t:1", "t:3"])
            // It comes back, and goes for good.
            try await world.sql("update t set hot = true where n = 1")
            try await leader.tick()
            try await world.sql("delete from t where n = 1")
            try await leader.tick()
            #expect(try await world.keyNames() == ["t:3"])
        }
    }

    private static func uuid(_ digit: Int) -> String { "0000000\(digit)-0000-4000-8000-00000000000\(digit)" }

    @Test("With a condition, rows that stop matching lose their keys")
    func condition() async throws {
        try await RefreshWorld.with(sql: Self.schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], where: "v <> 'hidden' -- a comment"))
            try await leader.tick()
            try await world.sql("update t set v = 'hidden' where id = 1; update t set v = 'seen' where id = 2")
            let summary = try await leader.tick()
            #expect(summary?.keysDeleted == 1)
            #expect(try await world.keyNames() == ["t:2", "t:3", "t:4", "t:5"])
            try await world.sql("update t set v = 'seen' where id = 1")
            try await leader.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }

    // MARK: Queries

    @Test("One key holds the list of a plugin's pay types; an emptied list is []")
    func listOfPayTypes() async throws {
        let schema = """
            create table plugins (id int primary key); insert into plugins values (1), (2), (3);
            create table plugin_pay_types (id int primary key, plugin_id int, code text);
            insert into plugin_pay_types values (1, 1, 'card'), (2, 1, 'cash'), (3, 2, 'card')
            """
        let query = """
            select p.id as plugin_id, coalesce(json_agg(t order by t.id) filter (where t.id is not null), '[]') as pay_types
            from plugins p left join plugin_pay_types t on t.plugin_id = p.id group by p.id -- one row a plugin
            ;
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(
                of: .query(query, identity: ["plugin_id"], ["plugin_pay_types:{plugin_id}=pay_types"]))
            try await leader.tick()
            #expect(try await world.get("plugin_pay_types:3") == "[]")
            #expect(try await world.get("plugin_pay_types:2") == #"[{"id":3,"plugin_id":2,"code":"card"}]"#)
            try await world.sql("delete from plugin_pay_types where plugin_id = 2; delete from plugins where id = 3")
            let summary = try await leader.tick()
            #expect(summary?.keysWritten == 1 && summary?.keysDeleted == 1)
            #expect(try await world.get("plugin_pay_types:2") == "[]")
            #expect(try await world.keyNames() == ["plugin_pay_types:1", "plugin_pay_types:2"])
        }
    }

    @Test("An identity of two columns names rows, also where its texts look alike")
    func twoColumns() async throws {
        let schema = """
            create table plugin_configs (plugin_id int, name text, value text, primary key (name, plugin_id));
            insert into plugin_configs values (1, '1', 'a'), (11, '', 'b'), (1, '11', 'c'), (11, '1', 'd'), (2, 'x:y', 'e')
            """
        try await RefreshWorld.with(sql: schema) { world in
            let dataset = try Dataset.table("plugin_configs", ["plugin_config:{plugin_id}:{name}=value"])
            let leader = try await world.leader(of: dataset)
            let summary = try await leader.tick()
            #expect(summary?.rowsSetAside == 1)
            #expect(
                try await world.keyNames()
                    == ["plugin_config:11:1", "plugin_config:1:1", "plugin_config:1:11", "plugin_config:2:x:y"])
            try await world.sql("update plugin_configs set name = '12' where plugin_id = 1 and name = '1'")
            try await leader.tick()
            try await world.sql("delete from plugin_configs where plugin_id = 11")
            try await leader.tick()
            #expect(try await world.keyNames() == ["plugin_config:1:11", "plugin_config:1:12", "plugin_config:2:x:y"])
            #expect(try await world.get("plugin_config:1:12") == "\"a\"")
        }
    }
}

import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import TestSupport
import Testing

/// What is cached equals, as JSON, what PostgreSQL itself makes of the row: `to_jsonb(row)`.
@Suite("JSON equals PostgreSQL's own")
struct JSONEqualityTests {
    static let types = """
        create type mood as enum ('sad', 'o''k', 'sehr "glücklich"\\');
        create type point3 as (x int, label text, moods mood[]);
        create type pair as (at timestamptz, point point3);
        create type floats as range (subtype = float8);
        create domain age as int check (value >= 0);
        create domain ages as age[];
        create domain name_like as varchar(20);
        create domain my_mood as mood;
        create domain doc as jsonb;
        create domain when_ as timestamptz;
        create domain deep as when_;
        create domain shape3 as point3;
        """

    /// Rows of the table `t` whose cached value differs, with what differs in them.
    static func differences(_ world: RefreshWorld, in table: String = "t") async throws -> [String] {
        let keys = try await world.keyNames()
        let values = try await world.redis.send(RedisCommand(["MGET"] + keys)).array ?? []
        let connection = try await world.connect()
        let rows = try await connection.query(
            """
            with c as (select * from unnest($1::text[], $2::text[]) c(k, v))
            select t.id || '.' || coalesce(d.key, '?') || ': ' || coalesce(d.cached::text, 'nothing') || ', not '
                || coalesce(d.real::text, 'nothing')
            from \(table) full join c on c.k = 't:' || t.id
            left join lateral (
                select coalesce(a.key, b.key) as key, a.value as cached, b.value as real
                from jsonb_each(c.v::jsonb) a full join jsonb_each(to_jsonb(t)) b on b.key = a.key
                where a.value is distinct from b.value
            ) d on true
            where c.v::jsonb is distinct from to_jsonb(t)
            """, [RefreshWorld.array(keys), RefreshWorld.array(values.map { $0.string ?? "" })])
        return rows.compactMap { $0[0] }
    }

    @Test("Random rows of every built-in type, and types made of them", arguments: [20_240_229, 7] as [UInt64])
    func randomRows(seed: UInt64) async throws {
        try await RefreshWorld.with(sql: Self.types) { world in
            var kinds = RandomValues.kinds
            if (try? await world.sql("create extension hstore")) != nil { kinds.append(RandomValues.hstore) }
            let columns = kinds.enumerated().map { "c\($0) \($1.type)" }.joined(separator: ", ")
            // An odd name, and one column that is gone: neither may shift the others.
            try await world.sql(
                #"create table t (gone int, id int primary key, \#(columns), "odd ""näme"" \{}" int); alter table t drop column gone"#
            )
            let writer = try await world.connect()
            var random = SplitMix(seed: seed)
            let slots = (1...kinds.count + 1).map { "$\($0)" }.joined(separator: ", ")
            try await writer.execute("begin")
            for id in 1...220 {
                var values: [String?] = ["\(id)"]
                for kind in kinds { values.append(random.once(in: 9) ? nil : kind.value(&random)) }
                _ = try await writer.query("insert into t values (\(slots))", values)
            }
            try await writer.execute("commit")
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            let summary = try #require(try await leader.tick())
            #expect(summary.rowsSetAside == 0 && summary.keysWritten == 220)
            let differences = try await Self.differences(world)
            #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(5))")
            // The checker notices.
            try await world.sql("update t set c0 = case when c0 = 'x' then 'y' else 'x' end where id = 3")
            #expect(try await Self.differences(world).count == 1)
        }
    }

    @Test("Values of columns alone, and fields of hashes, are those of the row")
    func columnsAndHashes() async throws {
        let schema = """
            create table t (id int primary key, f boolean, n numeric, r float8, at timestamptz, local timestamp,
                            text text, doc jsonb, list int[], bytes bytea, day date);
            insert into t values
                (1, true, 1.50, 'NaN', '2024-02-29 12:00:00.5+02', '2024-02-29 12:00', E'"a"\\t\\\\\\n\\x0b', '{"a": [1, null]}',
                 '{1,NULL}', '\\x00ff', '2024-02-29'),
                (2, false, 'Infinity', -0.1, 'infinity', '-infinity', '', '{"b": "x"}', '{}', '', '0001-01-01 BC'),
                (3, null, null, null, null, null, null, null, null, null, null);
            """
        let columns = ["f", "n", "r", "at", "local", "text", "doc", "list", "bytes", "day"]
        try await RefreshWorld.with(sql: schema) { world in
            let alone = try await world.leader(of: .table("t", columns.map { "\($0):{id}=\($0)" }))
            try await alone.tick()
            let hashes = try await world.leader(of: .table("t", ["hash:{id}"], format: .hash))
            try await hashes.tick()
            for id in 1...3 {
                #expect(try await world.command("HLEN", "hash:\(id)").int == (id == 3 ? 1 : 11))
                for column in columns {
                    let json = try #require(try await world.get("\(column):\(id)"))
                    let comparison =
                        "select $1::jsonb = coalesce(to_jsonb(t)->'\(column)', 'null') from t where id = \(id)"
                    #expect(try await world.value(comparison, [json]) == "t", "\(column) of \(id) is \(json)")
                    let field = try await world.command("HGET", "hash:\(id)", column).string
                    let text = try await world.value("select to_jsonb(t)->>'\(column)' from t where id = \(id)")
                    #expect(field?.filter { $0 != " " } == text?.filter { $0 != " " }, "\(column) of \(id)")
                }
            }
        }
    }

    // MARK: Encodings

    @Test("Databases in other encodings give UTF-8", arguments: ["LATIN1", "WIN1252", "EUC_JP"])
    func encodings(_ encoding: String) async throws {
        let text = encoding == "EUC_JP" ? "日本語 café"[...].filter { $0 != "é" } : "Müller \"Straße\" ñ"
        let schema = "create table t (id int primary key, name text unique, doc jsonb, list text[], kind \"char\")"
        try await RefreshWorld.with(sql: schema, encoding: encoding) { world in
            let writer = try await world.connect()
            _ = try await writer.query(
                "insert into t values (1, $1, jsonb_build_object('a', $1::text), array[$1::text], 'x')", [text])
            let leader = try await world.leader(of: .table("t", ["t:{id}", "name:{name}=id"]))
            try await leader.tick()
            #expect(try await world.get("name:\(text)") == "1")
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(try await world.get("t:1")?.contains(text.replacing("\"", with: "\\\"")) == true)
        }
    }

    @Test("In SQL_ASCII, a row that is no UTF-8 is set aside, and the others are written")
    func sqlASCII() async throws {
        let schema = """
            create table t (id int primary key, name text, list text[]);
            insert into t values (1, 'plain', '{a}'), (2, E'\\xff', '{a}'), (3, 'ü', '{ü}'), (4, 'x', array[E'\\xe2\\x82']),
                (5, E'\\xed\\xa0\\x80', null);
            """
        try await RefreshWorld.with(sql: schema, encoding: "SQL_ASCII") { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            let summary = try #require(try await leader.tick())
            #expect(summary.rowsSetAside == 3)
            #expect(
                leader.setAside.map { "\($0.identity): \($0.reason)" }
                    == ["2", "4", "5"].map { "\($0): its text is not UTF-8" })
            #expect(try await world.keyNames() == ["t:1", "t:3"])
            #expect(try await world.get("t:3") == #"{"id":3,"name":"ü","list":["ü"]}"#)
            try await world.sql(
                "update t set name = 'repaired' where id = 2; update t set name = E'\\xff' where id = 1")
            #expect(try await leader.tick()?.rowsSetAside == 3)
            #expect(try await world.keyNames() == ["t:1", "t:2", "t:3"])
            #expect(try await world.get("t:1")?.contains("plain") == true)
        }
    }
}

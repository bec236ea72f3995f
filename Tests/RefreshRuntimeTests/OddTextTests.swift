import CacheRefresh
import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading
@testable import RefreshRuntime

/// Rows and names are written by people who may choose any text: quotes and backslashes before combining marks, which
/// are one `Character` with them; letters in one scalar and in two.
@Suite("Odd text in rows and names")
struct OddTextTests {
    static let names = [
        "quote\"\u{301}d", "back\\\u{301}slash", "a\",\"b", "a\u{301}\",\u{301}\"b", "{}", "NULL", "\u{301}", "\"",
        "\\",
        "e\u{301}", "\u{E9}", "tab\tline\n", " ", "'\u{308}; drop table t --", "👩‍👩‍👧‍👦\"\u{20E3}",
    ]

    @Test("Rows that leave a filter keep their keys, and those that are gone lose them, whatever their identity holds")
    func identities() async throws {
        try await RefreshWorld.with(sql: "create table t (name text primary key, old boolean default false)") { world in
            _ = try await world.value(
                "insert into t select unnest($1::text[])", [RefreshWorld.array(Self.names + ["gone"])])
            let leader = try await world.leader(of: .table("t", ["t:{name}"], filter: "not old", identity: ["name"]))
            #expect(try await leader.tick()?.keysWritten == Self.names.count + 1)
            try await world.sql("delete from t where name = 'gone'; update t set old = true")
            let summary = try await leader.tick()
            #expect(summary?.keysDeleted == 1)
            let keys = Set(try await world.keyNames().map(\.exact))
            #expect(keys == Set(Self.names.map { "t:\($0)".exact }))
        }
    }

    @Test("An answer that names a row which was not asked for is refused, and no key is deleted")
    func strangeAnswer() async throws {
        let schema = """
            create table t (name text primary key, old boolean default false); insert into t values ('a'), ('b');
            create function unnest(text[]) returns setof text language sql as
                $$select 'a' from generate_series(1, 20)$$;
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{name}"], filter: "not old", identity: ["name"]))
            try await leader.tick()
            try await world.sql("update t set old = true")
            // What has left the filter is looked for once it changes no more.
            try await leader.tick()
            try await world.sql("delete from t where name = 'b'")
            let error = await #expect(throws: DatasetError.self) { try await leader.tick() }
            #expect(error?.problem == "the database named a row that was not asked for")
            #expect(try await world.keyNames() == ["t:a", "t:b"])
        }
    }

    @Test("A name is a name, and never SQL")
    func columnNames() async throws {
        let odd = [
            "a\"\u{301}, (select 'spliced') as \"b", "e\u{301}", "\u{E9}", "\\\u{301}", "$1", "--", "x\u{308}{}",
            "'\u{301}",
        ]
        try await RefreshWorld.with { world in
            let columns = odd.map { #""\#($0.utf8Doubled)" text default 'plain'"# }.joined(separator: ", ")
            try await world.sql("create table t (id int primary key, \(columns)); insert into t values (1)")
            try await world.sql("update t set \"\u{E9}\" = 'one scalar', \"e\u{301}\" = 'two'")
            // Two columns whose names Swift takes for one: each has its own key and value.
            var dataset = try Dataset.table("t", ["t:{id}", "one:{\u{E9}}", "two:{e\u{301}}"])
            dataset.keys += [
                .init(template: try KeyTemplate("a:{id}"), value: .column("\u{E9}")),
                .init(template: try KeyTemplate("b:{id}"), value: .column("e\u{301}")),
            ]
            let leader = try await world.leader(of: dataset)
            #expect(try await leader.tick()?.keysWritten == 5)
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            #expect(try await world.keyNames() == ["a:1", "b:1", "one:one scalar", "t:1", "two:two"])
            #expect(try await world.get("a:1") == "\"one scalar\"")
            #expect(try await world.get("b:1") == "\"two\"")
        }
    }

    @Test("A column that is renamed to the same letters in other scalars is another column")
    func renamed() async throws {
        let schema = "create table t (id int primary key, \"\u{E9}\" int); insert into t values (1, 7)"
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            try await world.sql("alter table t rename \"\u{E9}\" to \"e\u{301}\"")
            try await leader.tick()
            let value = try #require(try await world.get("t:1"))
            #expect(value.utf8.elementsEqual("{\"id\":1,\"e\u{301}\":7}".utf8))
        }
    }

    @Test("A query may end in anything that SQL ignores, and call functions by quoted names")
    func queries() async throws {
        let schema = """
            create table t (id int primary key); insert into t values (1);
            create function "Tick ""tock""\u{301}"() returns text language sql volatile as 'select clock_timestamp()::text';
            """
        try await RefreshWorld.with(sql: schema) { world in
            let dataset = try Dataset.query("select id from t ;;\u{A0} \n ;", identity: ["id"], ["t:{id}"])
            #expect(try await world.leader(of: dataset).tick()?.keysWritten == 1)
            for call in [#""Tick ""tock""\#u{301}" ()"#, #""now"()"#, "NOW ( )"] {
                let source = DatasetSource(
                    dataset: try .query("select id, \(call) from t", identity: ["id"], ["u:{id}"]), keyPrefix: "")
                #expect(try await source.bind(on: world.connect()).gateObstacle != nil, "\(call)")
            }
        }
    }

    @Test("What PostgreSQL quotes of a row stays out of the log also if it begins with a combining mark")
    func quotedInErrors() async throws {
        try await RefreshWorld.with { world in
            let connection = try await world.connect()
            for value in ["\u{301}hunter2", "hunter2\u{301}", "\"\u{301}hunter2\"\u{301}"] {
                let error = await #expect(throws: PostgresError.self) {
                    _ = try await connection.query("select v::int from (values ($1)) t (v)", [value])
                }
                #expect(!Problem(try #require(error)).text.contains("hunter2"))
            }
        }
    }
}

extension String {
    /// With quotation marks doubled, byte by byte: not with what is tested here.
    fileprivate var utf8Doubled: String {
        String(decoding: utf8.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] }, as: UTF8.self)
    }
}

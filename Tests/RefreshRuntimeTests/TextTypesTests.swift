import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import TestSupport
import Testing

/// Types that are no built-in ones: `to_jsonb` shows most of them as texts, some as arrays or objects, and some by a
/// cast that somebody made.
@Suite("Types of extensions and users")
struct TextTypesTests {
    static let types = """
        create extension citext; create extension ltree; create extension isn;
        create domain email as citext check (value ~ '@'); create domain address as email;
        create type mood as enum ('sad', 'so "so"');
        create type cast_mood as enum ('u', 'v'); create domain cast_moods as cast_mood;
        create function as_object(cast_mood) returns json language sql immutable as
            'select json_build_object(''en'', $1::text)';
        create cast (cast_mood as json) with function as_object(cast_mood);
        create type binary_mood as enum ('u', 'v');
        create function as_object(binary_mood) returns jsonb language sql immutable as
            'select jsonb_build_object(''en'', $1::text)';
        create cast (binary_mood as jsonb) with function as_object(binary_mood);
        create type pair as (a int, b text);
        create function as_text(pair) returns json language sql immutable as 'select ''"pair"''::json';
        create cast (pair as json) with function as_text(pair);
        create domain words as text; create domain cast_words as text;
        create function as_object(cast_words) returns json language sql immutable as 'select ''{}''::json';
        create type texts as range (subtype = text);
        create domain lists as citext[];
        """

    /// A column's type, a value, and whether it is one text.
    static let columns: [(type: String, value: String, isText: Bool)] = [
        ("citext", "Ann@x.org", true), ("email", "Ann@x.org \"home\"\\", true), ("address", "a@b", true),
        ("ltree", "Top.Science", true), ("lquery", "*.Sci{1,}", true), ("ltxtquery", "a & b", true),
        ("isbn", "978-0-393-04002-9", true), ("ean13", "978-0-11-000533-1", true),
        ("mood", "so \"so\"", true), ("words", "a\tb", true), ("cast_words", "c", true),
        ("texts", "[a,\"b c\")", true), ("texts_multirange", "{[a,b),[c,d)}", true),
        ("regclass", "pg_class", true), ("regtype", "integer", true), ("regproc", "now", true),
        ("regprocedure", "now()", true), ("regrole", "postgres", true), ("regnamespace", "pg_catalog", true),
        ("regconfig", "english", true), ("jsonpath", "$.\"a b\"", true), ("refcursor", "cursor", true),
        ("pg_snapshot", "10:20:10,14", true), ("aclitem", "postgres=r/postgres", true),
        ("cast_mood", "u", false), ("cast_moods", "v", false), ("binary_mood", "u", true), ("pair", "(1,x)", false),
        ("citext[]", "{a,B}", false), ("lists", "{a,B}", false), ("isbn[]", "{978-0-393-04002-9}", false),
        ("cast_mood[]", "{u,v}", false), ("int2vector", "1 2", false),
    ]

    @Test("Their JSON equals to_jsonb, and in a hash a text stands without quotes")
    func values() async throws {
        try await RefreshWorld.with(sql: Self.types) { world in
            let list = Self.columns.enumerated().map { "c\($0) \($1.type)" }.joined(separator: ", ")
            try await world.sql("create table t (id int primary key, \(list))")
            let slots = Self.columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
            _ = try await world.value("insert into t values (1, \(slots))", Self.columns.map(\.value))
            let objects = try await world.leader(of: .table("t", ["t:{id}"]))
            #expect(try await objects.tick()?.keysWritten == 1)
            #expect(try await JSONEqualityTests.differences(world) == [])
            let hashes = try await world.leader(of: .table("t", ["hash:{id}"], format: .hash))
            try await hashes.tick()
            for (place, column) in Self.columns.enumerated() {
                let field = try await world.command("HGET", "hash:1", "c\(place)").string
                if column.isText {
                    #expect(field == (try await world.value("select c\(place)::text from t")), "\(column.type)")
                } else {
                    let comparison = "select $1::jsonb = to_jsonb(t)->'c\(place)' from t"
                    #expect(try await world.value(comparison, [field]) == "t", "\(column.type)")
                }
            }
        }
    }

    @Test("A text of any type can be a key and an identity")
    func keys() async throws {
        let schema = """
            create table t (email email primary key, path ltree, book isbn);
            insert into t values ('Ann@x.org', 'a.b', '978-0-393-04002-9'), ('bo@x.org', 'c', null);
            """
        try await RefreshWorld.with(sql: Self.types + schema) { world in
            let keys = ["user:{email}", "path:{path}=email", "book:{book}=email"]
            let leader = try await world.leader(of: .table("t", keys))
            #expect(try await leader.tick()?.keysWritten == 5)
            #expect(try await world.get("path:a.b") == #""Ann@x.org""#)
            try await world.sql("update t set email = 'ANN@x.org', path = 'z' where email = 'ann@x.org'")
            try await leader.tick()
            #expect(
                try await world.keyNames() == [
                    "book:0-393-04002-X", "path:c", "path:z", "user:ANN@x.org", "user:bo@x.org",
                ])
        }
    }

    @Test("A cast that is made later is used from the next pass on")
    func laterCast() async throws {
        let schema =
            "create type e as enum ('u'); create table t (id int primary key, v e); insert into t values (1, 'u')"
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            #expect(try await world.get("t:1") == #"{"id":1,"v":"u"}"#)
            try await world.sql(
                """
                create function f(e) returns json language sql immutable as 'select ''[1]''::json';
                create cast (e as json) with function f(e);
                """)
            try await leader.tick()
            #expect(try await world.get("t:1") == #"{"id":1,"v":[1]}"#)
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
        }
    }
}

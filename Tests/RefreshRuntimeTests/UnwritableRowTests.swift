import CacheRefresh
import Logging
import PostgresClient
import RedisClient
import TestSupport
import Testing

@Suite("Rows that cannot be written, and keys that look odd")
struct UnwritableRowTests {
    @Test(
        "A row too large is set aside: its old key stays, the others are written, and it returns when it shrinks",
        arguments: [Dataset.Format.json, .hash])
    func tooLarge(_ format: Dataset.Format) async throws {
        let schema = "create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b'), (3, 'c')"
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], format: format))
            try await leader.tick()
            let old = try await world.command("DUMP", "t:2")
            try await world.sql(
                "update t set v = repeat('x', 64 << 20) where id = 2; update t set v = 'new' where id > 2")
            let summary = try #require(try await leader.tick())
            #expect(summary.rowsSetAside == 1 && summary.keysWritten == 1)
            #expect(leader.setAside.map(\.identity) == ["2"])
            #expect(leader.setAside.first.map { "\($0.reason)" }?.contains("maxValueBytes") == true)
            #expect(try await world.command("DUMP", "t:2") == old)
            try await world.sql("update t set v = 'small' where id = 2")
            #expect(try await leader.tick()?.rowsSetAside == 0)
            if format == .json { #expect(try await world.differences(in: "t", prefix: "t:") == []) }
        }
    }

    @Test("A NULL or empty key column: no key, or set aside; the pass goes on")
    func nullAndEmpty() async throws {
        let schema = """
            create table users (id int, phone text, name text);
            insert into users values (1, '100', 'a'), (null, '200', 'b'), (3, null, 'c'), (4, '', 'd'), (5, '500', 'e')
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(
                of: .table("users", ["user:{id}", "phone:{phone}=id"], identity: ["id"]))
            let summary = try #require(try await leader.tick())
            #expect(summary.rowsSetAside == 2)
            #expect(try await world.keyNames() == ["phone:100", "phone:500", "user:1", "user:3", "user:5"])
            #expect(
                leader.setAside.map { "\($0.identity): \($0.reason)" }
                    == ["4: a column of a key is empty", #"\N: a column of the identity is NULL"#])
            // What a row had before stays while its new state can't be written; NULL is a state that can.
            try await world.sql("update users set phone = '' where id = 1; update users set phone = null where id = 5")
            try await leader.tick()
            #expect(try await world.keyNames() == ["phone:100", "user:1", "user:3", "user:5"])
            try await world.sql("delete from users where id is null; update users set phone = '101' where id in (1, 4)")
            try await leader.tick()
            #expect(try await world.keyNames() == ["phone:101", "user:1", "user:3", "user:4", "user:5"])
            #expect(try await world.get("phone:101") == "1")
            #expect(leader.setAside == [])
        }
    }

    @Test("A row whose identity is the empty text can be seen in the log")
    func emptyIdentity() async throws {
        let schema = "create table users (id text primary key); insert into users values ('')"
        try await RefreshWorld.with(sql: schema) { world in
            try await world.whileLooping(.table("users", ["user:{id}"])) { log, _ in
                try await world.wait(until: "it is logged") {
                    log.messages(at: .info).contains { $0.contains("firstSetAside='': a column of a key is empty") }
                }
            }
        }
    }

    @Test("A key of more than 64 KiB is set aside")
    func longKey() async throws {
        let schema = """
            create table t (id int primary key, code text);
            insert into t values (1, 'short'), (2, repeat('x', 65536)), (3, repeat('ü', 32700))
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("t", ["t:{code}=id"]))
            #expect(try await leader.tick()?.rowsSetAside == 1)
            #expect(try await world.keyNames().count == 2)
            #expect(leader.setAside.first?.reason == .keyTooLong(bytes: 65538))
        }
    }

    /// Texts that could be mistaken for something else, by templates, patterns, scripts or the COPY format.
    static let oddTexts = [
        "a b", " ", "a\nb", "\r\n", "a\tb", "\\N", "\\", "\\n", "{a}", "{", "}", "a:b", ":", "*", "a?[b-c]^\\*", "[",
        "\"", "'",
        "ü", "日本", "🙂", "\u{7F}", "\u{1}", "\u{B}\u{8}\u{C}", "null", "-0", "%20", "%", "$1", "t", "x\u{2028}y",
        "{baton:test}:fence",
    ]

    @Test("Keys hold the text of a column byte for byte, and go with their rows")
    func oddKeys() async throws {
        try await RefreshWorld.with(sql: "create table t (code text primary key, n int)") { world in
            let writer = try await world.connect()
            for (n, text) in Self.oddTexts.enumerated() {
                _ = try await writer.query("insert into t values ($1, $2)", [text, "\(n)"])
            }
            let dataset = try Dataset.table("t", ["odd[*]?:{code}:x=n"])
            let leader = try await world.leader(of: dataset)
            try await world.command("SET", "odd[*]?:", "not ours")
            try await world.command("SET", "oddZZ?:a:x", "not ours")
            try await leader.tick()
            for (n, text) in Self.oddTexts.enumerated() {
                #expect(try await world.get("odd[*]?:\(text):x") == "\(n)", "\(text.debugDescription)")
            }
            try await world.sql("update t set n = n + 100")
            #expect(try await leader.tick()?.keysWritten == Self.oddTexts.count)
            // A new leader finds everything right.
            let successor = try await world.leader(of: dataset)
            #expect(try await successor.tick()?.keysKept == Self.oddTexts.count)
            // Rows deleted while nobody leads: keys that can't be taken apart for certain are left to their TTL.
            try await world.sql("delete from t where n < 113")
            let third = try await world.leader(of: dataset)
            try await third.tick()
            func key(_ text: String) -> String { "odd[*]?:\(text):x" }
            var left = Set(Self.oddTexts[..<13].filter { $0.contains(":") }.map(key) + ["odd[*]?:", "oddZZ?:a:x"])
            #expect(left.count == 4)
            #expect(Set(try await world.keyNames()) == left.union(Self.oddTexts[13...].map(key)))
            // While it leads, it knows what it wrote.
            for _ in 0..<3 {
                try await world.sql("delete from t where code in (select code from t limit 8)")
                try await third.tick()
            }
            left.formUnion(try await world.keyNames())
            #expect(left.count == 4)
        }
    }

    @Test("Two rows that make one key: the lowest identity has it, whatever came first, until it gives it up")
    func contested() async throws {
        let schema = """
            create table users (id int primary key, phone text); insert into users values (12, '100'), (9, '100'), (3, '300')
            """
        try await RefreshWorld.with(sql: schema) { world in
            let leader = try await world.leader(of: .table("users", ["phone:{phone}=id"]))
            #expect(try await leader.tick()?.rowsContested == 1)
            #expect(try await world.get("phone:100") == "9")
            try await world.sql("update users set phone = '200' where id = 9")
            try await leader.tick()
            #expect(try await world.get("phone:100") == "12")
            #expect(try await world.keyNames() == ["phone:100", "phone:200", "phone:300"])
        }
    }
}

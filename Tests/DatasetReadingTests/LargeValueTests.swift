import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import DatasetReading

@Suite("Values too large to be written")
struct LargeValueTests {
    /// A column of a type that holds text of any size, and an expression that makes a large value of it.
    struct Kind: Sendable, CustomTestStringConvertible {
        let type: String
        let value: String
        var testDescription: String { type }
    }

    static let kinds = [
        Kind(type: "text", value: "repeat('x', 3000000)"),
        Kind(type: "varchar(4000000)", value: "repeat('x', 3000000)"),
        Kind(type: "char(3000000)", value: "'x'"),
        Kind(type: "bytea", value: "decode(repeat('ab', 2000000), 'hex')"),
        Kind(type: "json", value: "to_json(repeat('x', 3000000))"),
        Kind(type: "jsonb", value: "to_jsonb(repeat('x', 3000000))"),
        Kind(type: "text[]", value: "array_fill(repeat('x', 1000), array[3000])"),
        Kind(type: "numeric[]", value: "array_fill('1e100000'::numeric, array[30])"),
        Kind(type: "xml", value: "xmlelement(name x, repeat('x', 3000000))"),
        Kind(type: "varbit", value: "repeat('1', 3000000)::varbit"),
        Kind(type: "path", value: "('[' || repeat('(1,2),', 500000) || '(1,2)]')::path"),
        Kind(type: "note", value: "repeat('x', 3000000)"),
    ]

    /// The largest line that comes over the network of these rows.
    private static func longestLine(_ world: RefreshWorld, _ dataset: Dataset) async throws -> Int {
        let connection = try await world.connect()
        let admit = { (_: Snapshot) in nil as Mark? }
        return try await SnapshotSource(dataset: dataset, keyPrefix: "").read(
            on: connection, known: nil, isFlagging: false, admit: admit
        ) { reading in
            var longest = 0
            while let chunk = try await reading.rows.next() {
                longest = max(longest, chunk.split(separator: 10).map(\.count).max() ?? 0)
            }
            return longest
        }
    }

    @Test("are left out by the server, whatever their type: their row is set aside and named", arguments: kinds)
    func leftOut(_ kind: Kind) async throws {
        let schema = """
            create domain note as text check (length(value) > 0);
            create table t (id int primary key, v \(kind.type), w text);
            insert into t select n, null, 'w' || n from generate_series(1, 20) n
            """
        try await RefreshWorld.with(sql: schema) { world in
            for (format, keys) in [
                (Dataset.Format.json, ["j:{id}"]), (.hash, ["h:{id}"]), (.json, ["c:{id}=v", "k:{id}=w"]),
            ] {
                var dataset = try Dataset.table("t", keys, format: format)
                dataset.maxValueBytes = 2 << 20
                let leader = try await world.leader(of: dataset)
                try await world.sql("update t set v = null where id = 7")
                try await leader.tick()
                let old = try await world.keyNames()
                try await world.sql("update t set v = \(kind.value), w = 'changed' where id = 7")
                try await world.sql(
                    "insert into t values (21, null, 'new') on conflict (id) do update set w = t.w || 'er'")
                #expect(try await Self.longestLine(world, dataset) < 1000)
                let summary = try #require(try await leader.tick())
                #expect(summary.rowsSetAside == 1 && summary.keysWritten == keys.count)
                #expect(leader.setAside.map(\.identity) == ["7"])
                guard case .valueTooLarge(let bytes)? = leader.setAside.first?.reason else {
                    Issue.record("\(leader.setAside)")
                    return
                }
                #expect(bytes >= 2_900_000)
                #expect(Set(try await world.keyNames()).isSuperset(of: old))
                try await world.sql("update t set v = null where id = 7")
                #expect(try await leader.tick()?.rowsSetAside == 0)
                try await world.sql("delete from t where id = 21")
            }
        }
    }

    @Test("that are just small enough are written as before", arguments: [Dataset.Format.json, .hash])
    func border(_ format: Dataset.Format) async throws {
        let schema =
            "create table t (id int primary key, v text, n numeric); insert into t values (1, repeat('é', 500), 5)"
        try await RefreshWorld.with(sql: schema) { world in
            var dataset = try Dataset.table("t", ["t:{id}"], format: format)
            // {"id":1,"v":"…","n":5}, or the line of three fields with tabs between
            let size = format == .json ? 1000 + 21 : 1000 + 4
            for (limit, isWritten) in [(size - 1, false), (size, true), (1000, false), (999, false)] {
                dataset.maxValueBytes = limit
                try await world.command("DEL", "t:1")
                let summary = try #require(try await world.leader(of: dataset).tick())
                #expect(summary.keysWritten == (isWritten ? 1 : 0), "\(limit)")
                #expect(summary.rowsSetAside == (isWritten ? 0 : 1), "\(limit)")
            }
        }
    }

    @Test("do not hinder that keys are unlinked when they change, in a single byte too")
    func invalidate() async throws {
        let schema = """
            create table t (id int primary key, v text, b bytea, j jsonb);
            insert into t values (1, repeat('x', 3000000), decode(repeat('ab', 2000000), 'hex'),
                to_jsonb(repeat('x', 3000000)))
            """
        try await RefreshWorld.with(sql: schema) { world in
            var dataset = try Dataset.table("t", ["t:{id}"], mode: .invalidate)
            dataset.maxValueBytes = 1 << 20
            let leader = try await world.leader(of: dataset)
            for change in [
                "v = overlay(v placing 'y' from 1500000)", "b = set_byte(b, 1000000, 7)",
                "j = to_jsonb(overlay(j #>> '{}' placing 'y' from 1500000))", "v = 'small'",
            ] {
                for _ in 0..<3 {
                    try await leader.tick()
                    world.clock.advance(by: .seconds(3))
                }
                try await world.command("SET", "t:1", "cached")
                #expect(try await leader.tick().map { $0.keysDeleted == 0 } ?? true)
                #expect(try await world.get("t:1") == "cached")
                if change.hasPrefix("v = ov") { #expect(try await Self.longestLine(world, dataset) < 1000) }
                try await world.sql("update t set \(change)")
                let summary = try #require(try await leader.tick())
                #expect(summary.rowsSetAside == 0)
                #expect(try await world.get("t:1") == nil, "\(change)")
            }
        }
    }

    @Test("in a key are cut by the server, and the row is set aside")
    func keys() async throws {
        let schema = """
            create table t (id int, code text, tag bytea);
            insert into t values (1, 'short', 'a'), (2, repeat('é', 5000000), 'b'), (3, 'ok', decode(repeat('ab', 3000000), 'hex'))
            """
        try await RefreshWorld.with(sql: schema) { world in
            let byColumn = try Dataset.table("t", ["t:{code}=id", "tag:{tag}=id"], identity: ["id"])
            #expect(try await Self.longestLine(world, byColumn) < 300_000)
            let leader = try await world.leader(of: byColumn)
            #expect(try await leader.tick()?.rowsSetAside == 2)
            #expect(leader.setAside.allSatisfy { if case .keyTooLong = $0.reason { true } else { false } })
            let byIdentity = try await world.leader(of: .table("t", ["u:{code}=id"], identity: ["code"]))
            #expect(try await byIdentity.tick()?.rowsSetAside == 1)
            #expect(try await world.keyNames().filter { $0.hasPrefix("u:") } == ["u:ok", "u:short"])
        }
    }

    @Test(
        "for Redis are set aside and named, and the rest of the dataset goes on, in the same pass",
        arguments: [Dataset.Format.json, .hash])
    func refusedByRedis(_ format: Dataset.Format) async throws {
        var options = LocalRedis.Options()
        options.configuration = ["proto-max-bulk-len 1mb"]
        let schema = """
            create table t (id int primary key, v text);
            insert into t select n, repeat('x', case when n in (3, 7) then 1 << 21 else 300000 end)
            from generate_series(1, 12) n
            """
        try await RefreshWorld.with(sql: schema, redis: options) { world in
            let leader = try await world.leader(of: .table("t", ["t:{id}"], format: format))
            let summary = try #require(try await leader.tick())
            #expect(summary.rowsSetAside == 2 && summary.keysWritten == 10)
            #expect(leader.setAside.map(\.identity).sorted() == ["3", "7"])
            #expect(leader.setAside.allSatisfy { "\($0.reason)".contains("proto-max-bulk-len") })
            #expect(try await world.keyNames().count == 10)
            #expect(try await leader.tick().map { $0.keysWritten == 0 } ?? true)
            try await world.sql("update t set v = v || 'y' where id > 5")
            #expect(try await leader.tick()?.keysWritten == 6)
            try await world.sql("update t set v = 'small' where id = 3")
            #expect(try await leader.tick()?.rowsSetAside == 1)
        }
    }
}

import CacheRefresh
import LocalStack
import Logging
import NIOCore
import NIOPosix
import PostgresClient
import RedisClient
import Testing

@testable import Demo

/// A check that can't fail proves nothing: each kind of fault is planted and must be found.
@Suite(.timeLimit(.minutes(10)))
struct VerificationTests {
    @Test func findsNothingWrongInARightCache() async throws {
        try await Bench.with { bench in
            let verdict = try await bench.verify()
            #expect(verdict.isRight)
            #expect((verdict.rows, verdict.keys, verdict.equal) == (3, 3, 3))
            #expect(verdict.findings.isEmpty)
        }
    }

    @Test func findsAPlantedDifference() async throws {
        try await Bench.with { bench in
            try await bench.redis("SET", "shop:2", #"{"id":2,"name":"Bob's","price":1.51}"#, "KEEPTTL")
            let verdict = try await bench.verify()
            #expect(verdict.different == 1)
            #expect(verdict.equal == 2)
            #expect(verdict.findings == ["shops: shop:2 price is 1.51, should be 1.5"])
        }
    }

    @Test func findsAMissingKey() async throws {
        try await Bench.with { bench in
            try await bench.redis("DEL", "shop:3")
            let verdict = try await bench.verify()
            #expect(verdict.missing == 1)
            #expect(verdict.findings == ["shops: shop:3 is missing"])
        }
    }

    @Test func findsAnExtraKey() async throws {
        try await Bench.with { bench in
            try await bench.redis("SET", "shop:4", "{}", "EX", "86400")
            let verdict = try await bench.verify()
            #expect(verdict.extra == 1)
            #expect(verdict.findings == ["shops: shop:4 belongs to no row"])
        }
    }

    @Test func findsAKeyOfNoDataset() async throws {
        try await Bench.with { bench in
            try await bench.redis("SET", "{baton:default}:lease", "Baton's own does not count")
            try await bench.redis("SET", "stray", "1")
            let verdicts = try await bench.verdicts(bench.shops)
            #expect(verdicts.map(\.dataset) == ["shops", "other keys"])
            #expect(verdicts[1].extra == 1)
            #expect(!verdicts[1].isRight)
        }
    }

    @Test(arguments: [
        (["PERSIST", "shop:1"], "never ends"),
        (["EXPIRE", "shop:1", "100000"], "ends in 999"),
        (["EXPIRE", "shop:1", "70000"], "ends in 699"),
    ])
    func findsAWrongTTL(_ command: [String], words: String) async throws {
        try await Bench.with { bench in
            try await bench.redis(command)
            let verdict = try await bench.verify()
            #expect(verdict.wrongTTL == 1)
            #expect(!verdict.isRight)
            #expect(verdict.findings.first?.hasPrefix("shops: shop:1 \(words)") == true)
        }
    }

    @Test func findsAnotherType() async throws {
        try await Bench.with { bench in
            try await bench.redis("DEL", "shop:1", "shop:2")
            try await bench.redis("RPUSH", "shop:1", "x")
            try await bench.redis("HSET", "shop:2", "id", "2")
            let verdict = try await bench.verify()
            #expect(verdict.different == 2)
            #expect(verdict.findings == ["shops: shop:1 holds a list", "shops: shop:2 holds a hash, not a string"])
        }
    }

    @Test func comparesHashesFieldByField() async throws {
        try await Bench.with { bench in
            var shops = bench.shops
            shops.format = .hash
            try await bench.redis("DEL", "shop:1", "shop:2", "shop:3")
            try await bench.redis("HSET", "shop:1", "id", "1", "name", "Ann \"A\" Müller")
            try await bench.redis("HSET", "shop:2", "id", "2", "name", "Bob's", "price", "1.50")
            try await bench.redis("HSET", "shop:3", "id", "3", "name", "", "price", "0.00", "colour", "red")
            for id in 1...3 { try await bench.redis("EXPIRE", "shop:\(id)", "86400") }
            var verdict = try await bench.verdicts(shops)[0]
            #expect((verdict.equal, verdict.different) == (2, 1))
            #expect(verdict.findings == ["shops: shop:3 field colour should not be there"])
            try await bench.redis("HDEL", "shop:3", "colour", "price")
            try await bench.redis("HSET", "shop:2", "name", "Bobs")
            verdict = try await bench.verdicts(shops)[0]
            #expect(
                Set(verdict.findings) == [
                    "shops: shop:3 field price is missing",
                    "shops: shop:2 field name is Bobs, should be \"Bob's\"",
                ])
        }
    }

    @Test func wantsInvalidatedKeysGone() async throws {
        try await Bench.with { bench in
            var shops = bench.shops
            shops.mode = .invalidate
            try await bench.redis("DEL", "shop:1", "shop:2")
            let verdict = try await bench.verdicts(shops)[0]
            #expect((verdict.equal, verdict.different) == (2, 1))
            #expect(verdict.findings == ["shops: shop:3 was not invalidated"])
        }
    }

    @Test func comparesSingleColumnsAndPrefixes() async throws {
        try await Bench.with { bench in
            var shops = bench.shops
            shops.keys = [Dataset.KeyFamily(template: try KeyTemplate("name:{name}:id"), value: .column("id"))]
            for (name, id) in [("Ann \"A\" Müller", 1), ("Bob's", 2)] {
                try await bench.redis("SET", "staging:name:\(name):id", "\(id)", "EX", "86400")
            }
            // The third has an empty name and so no key.
            try await bench.redis("DEL", "shop:1", "shop:2", "shop:3")
            let verdicts = try await bench.verdicts(shops, keyPrefix: "staging:")
            #expect(verdicts.count == 1)
            #expect((verdicts[0].rows, verdicts[0].keys, verdicts[0].equal) == (3, 2, 2))
        }
    }
}

/// Three rows, and a cache that a careful person filled by hand.
private struct Bench {
    let connection: RedisConnection
    let postgres: PostgresConfiguration
    let shops: Dataset

    static func with(_ body: (Bench) async throws -> Void) async throws {
        let url = try await LocalPostgres.shared().createDatabase()
        let postgres = PostgresConfiguration(url: url)
        let writing = try await PostgresConnection.connect(postgres)
        try await writing.execute(
            """
            create table shops (id integer primary key, name text, price numeric(10, 2));
            insert into shops values (1, 'Ann "A" Müller', null), (2, 'Bob''s', 1.50), (3, '', 0)
            """)
        await writing.close()
        let shops = Dataset(
            name: "shops", source: .table("shops", where: nil, filter: nil),
            keys: [Dataset.KeyFamily(template: try KeyTemplate("shop:{id}"), value: .row)])
        try await LocalRedis.withServer { server in
            let connection = try await RedisConnection.connect(
                RedisConfiguration(
                    url: try RedisURL(server.url), connectTimeout: .seconds(20), commandTimeout: .seconds(20)),
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let bench = Bench(connection: connection, postgres: postgres, shops: shops)
            try await bench.redis("SET", "shop:1", #"{"id":1,"name":"Ann \"A\" Müller","price":null}"#, "EX", "86400")
            try await bench.redis("SET", "shop:2", #"{"name":"Bob's","price":1.50,"id":2}"#, "EX", "90000")
            try await bench.redis("SET", "shop:3", #"{"id":3,"name":"","price":0.00}"#, "EX", "83000")
            try await body(bench)
            await connection.close()
        }
    }

    func redis(_ command: String...) async throws { try await redis(command) }

    func redis(_ command: [String]) async throws { _ = try await connection.send(RedisCommand(command)) }

    func verify() async throws -> DatasetVerdict {
        let verdicts = try await verdicts(shops)
        #expect(verdicts.count == 1)
        return verdicts[0]
    }

    func verdicts(_ dataset: Dataset, keyPrefix: String = "") async throws -> [DatasetVerdict] {
        try await Verification(
            postgres: postgres, reader: CacheReader(connection: connection), keyPrefix: keyPrefix, start: .now
        ).run([dataset])
    }
}

import Drills
import Foundation
import LocalStack
import Testing

/// A replica as a process, whose servers are not as it needs them.
@Suite("Servers in trouble", .serialized)
struct ServerTroubleTests {
    private func withCluster(
        redis: LocalRedis.Options = LocalRedis.Options(), _ body: (Cluster) async throws -> Void
    ) async throws {
        try await Cluster.with(sql: ReplicaTests.schema, datasets: ReplicaTests.datasets, redis: redis, body)
    }

    private func expectFilled(_ cluster: Cluster, within limit: Duration = .seconds(30)) async throws {
        try await eventually("the cache to be filled", within: limit) {
            try await cluster.command("EXISTS", "merchant:100") == "1"
        }
    }

    /// Waits until a message with these words was logged, then longer, and expects it once.
    private func expectOnce(_ replica: ReplicaProcess, _ message: String, _ words: String...) async throws {
        func isMeant(_ line: LogLine) -> Bool {
            line.message == message && words.allSatisfy { line.text.contains($0) }
        }
        try await replica.firstLine("\(message) with \(words)", where: isMeant)
        try await Task.sleep(for: .seconds(3))
        let lines = replica.log.filter(isMeant).map(\.text)
        #expect(lines.count == 1, "\(lines)")
    }

    @Test("Without Redis at its start a replica says so once, and leads as soon as it is there")
    func redisAbsent() async throws {
        try await withCluster { cluster in
            await cluster.redis.kill()
            let replica = try await cluster.start("a")
            try await expectOnce(replica, "cannot compete for the lease", "127.0.0.1:\(cluster.redis.port)")
            try await cluster.redis.restart()
            try await expectFilled(cluster)
        }
    }

    @Test("A password that Redis refuses is told once and never shown, and used again until it is right")
    func redisPassword() async throws {
        try await withCluster { cluster in
            _ = try await cluster.command("ACL", "SETUSER", "cache", "on", ">right", "~*", "&*", "+@all")
            let url = "redis://cache@127.0.0.1:\(cluster.redis.port)/0"
            let replica = try await cluster.start(
                "a", environment: ["BATON_REDIS_MAIN_URL": url, "BATON_REDIS_MAIN_PASSWORD": "hush-hush"])
            try await expectOnce(replica, "cannot compete for the lease", "password")
            _ = try await cluster.command("ACL", "SETUSER", "cache", ">hush-hush")
            try await expectFilled(cluster)
            #expect(!replica.log.contains { $0.text.contains("hush-hush") })
        }
    }

    @Test("A user that PostgreSQL refuses is told once, and tried again until it may log in")
    func postgresUser() async throws {
        try await withCluster { cluster in
            _ = try await cluster.postgres.run(
                sql: "create role reader nologin; grant select on merchants to reader", database: "app")
            let url = cluster.postgres.url(database: "app", user: "reader")
            let replica = try await cluster.start("a", environment: ["BATON_POSTGRES_URL": url])
            try await expectOnce(replica, "postgres can't be used", "reader")
            _ = try await cluster.postgres.run(sql: "alter role reader login", database: "app")
            try await expectFilled(cluster)
        }
    }

    @Test("A Redis that is loading its data is waited for")
    func redisLoads() async throws {
        var options = LocalRedis.Options()
        // It looks at its clients after each kilobyte, which is a few keys if they are not compressed.
        options.configuration = [
            "key-load-delay 6000", "loading-process-events-interval-bytes 1024", "rdbcompression no",
        ]
        try await withCluster(redis: options) { cluster in
            // Some twelve seconds of it.
            _ = try await cluster.command(
                "EVAL", "for i = 1, 2000 do redis.call('SET', 'other:' .. i, string.rep('x', 100)) end", "0")
            #expect(try await cluster.command("SAVE") == "OK")
            await cluster.redis.kill()
            let redis = cluster.redis
            async let restart: Void = redis.restart()
            let replica = try await cluster.start("a")
            try await replica.firstLine("the loading") { $0.text.contains("LOADING") }
            try await restart
            try await expectFilled(cluster, within: .seconds(60))
            #expect(try await cluster.command("EXISTS", "other:2000") == "1", "it was loaded and not empty")
        }
    }

    @Test("A lease that Redis evicts ends the term; the next one writes as well")
    func leaseEvicted() async throws {
        try await withCluster { cluster in
            try await cluster.start("a")
            try await expectFilled(cluster)
            // Of those with a TTL, it has the shortest.
            for setting in [("maxmemory-policy", "volatile-ttl"), ("maxmemory-samples", "64"), ("maxmemory", "8mb")] {
                #expect(try await cluster.command("CONFIG", "SET", setting.0, setting.1) == "OK")
            }
            try await eventually("the lease to be evicted and taken anew") {
                _ = try await cluster.command(
                    "EVAL",
                    """
                    for i = 1, 100 do
                        redis.call('SET', 'filler:' .. redis.call('INCR', 'fillers'), string.rep('x', 10000), 'EX', 86400)
                    end
                    """, "0")
                return try await cluster.events().components(separatedBy: "\nelected\n").count > 2
            }
            // It is told beside the election, which does not wait for it.
            try await eventually("the loss in the history") { try await cluster.events().contains("lost") }
            #expect(try await cluster.command("CONFIG", "SET", "maxmemory", "0") == "OK")
            _ = try await cluster.postgres.run(sql: "update merchants set name = 'new' where id = 1", database: "app")
            try await eventually("the change in the cache") {
                try await cluster.command("GET", "merchant:1").contains("\"new\"")
            }
        }
    }

    @Test("A pass asks PostgreSQL as many questions for many rows as for few")
    func statements() async throws {
        var counts: [Int] = []
        for rows in [10, 10_000] {
            let once = ReplicaTests.datasets.replacing("200ms", with: "5m")
            try await Cluster.with(sql: ReplicaTests.schema, datasets: once) { cluster in
                let sql = """
                    delete from merchants;
                    insert into merchants select i, 'name ' || i from generate_series(1, \(rows)) i;
                    """
                _ = try await cluster.postgres.run(sql: sql, database: "app")
                _ = try await cluster.postgres.run(
                    sql:
                        "create role asker login; grant select on merchants to asker; alter role asker set log_statement = 'all'",
                    database: "app")
                let replica = try await cluster.start(
                    "a", environment: ["BATON_POSTGRES_URL": cluster.postgres.url(database: "app", user: "asker")])
                try await replica.line("pass finished")
                await replica.process.terminate()
                let log = try String(contentsOfFile: cluster.postgres.logPath, encoding: .utf8)
                let asked = log.split(separator: "\n").filter { $0.contains("statement: ") || $0.contains("execute ") }
                let copies = asked.filter { $0.contains(": copy (") }
                #expect(copies.count == 1, "\(copies.joined(separator: "\n"))")
                counts.append(asked.count)
            }
        }
        #expect(counts.count == 2 && counts[0] == counts[1], "\(counts)")
    }
}

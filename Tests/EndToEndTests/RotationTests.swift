import Drills
import Foundation
import LocalStack
import Testing

/// Secrets that are exchanged while replicas run.
@Suite("Secrets that are exchanged", .serialized)
struct RotationTests {
    /// Two replicas that read their passwords from files, and the means to exchange those.
    private struct Rotation {
        let cluster: Cluster
        let folder: Workspace
        private var round = 0

        init(_ cluster: Cluster, _ folder: Workspace) {
            self.cluster = cluster
            self.folder = folder
        }

        func put(_ password: String, _ file: String) throws {
            try "\(password)\n".write(toFile: "\(folder.path)/\(file)", atomically: true, encoding: .utf8)
        }

        /// All connections of replicas to Redis and PostgreSQL end.
        func cutAll() async throws {
            // Over the socket: the tool's own connection is none of theirs.
            for kind in ["normal", "pubsub"] {
                _ = try await cluster.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            }
            _ = try await cluster.postgres.run(
                sql: "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'", database: "app")
        }

        mutating func expectFresh(_ what: String) async throws {
            round += 1
            let name = "round \(round)"
            _ = try await cluster.postgres.run(
                sql: "update merchants set name = '\(name)' where id = 1", database: "app")
            try await eventually("a change in the cache \(what)", within: .seconds(30)) {
                try await cluster.command("GET", "merchant:1").contains(name)
            }
        }
    }

    private func withRotation(_ body: (inout Rotation) async throws -> Void) async throws {
        var redis = LocalRedis.Options()
        redis.password = "hush-first"
        var postgres = LocalPostgres.Options()
        postgres.password = "owner"
        let folder = try await Workspace.create(prefix: "secrets")
        try await Cluster.with(
            sql: ReplicaTests.schema, datasets: ReplicaTests.datasets, redis: redis, postgres: postgres
        ) { cluster in
            _ = try await cluster.postgres.run(
                sql: "create role app login password 'hush-first'; grant select on merchants to app", database: "app")
            var rotation = Rotation(cluster, folder)
            for file in ["redis", "postgres"] { try rotation.put("hush-first", file) }
            for name in ["a", "b"] {
                try await cluster.start(
                    name,
                    environment: [
                        "BATON_REDIS_MAIN_URL": "redis://127.0.0.1:\(cluster.redis.port)/0",
                        "BATON_REDIS_MAIN_PASSWORD_FILE": "\(folder.path)/redis",
                        "BATON_POSTGRES_URL": "postgresql://app@127.0.0.1:\(cluster.postgres.port)/app",
                        "BATON_POSTGRES_PASSWORD_FILE": "\(folder.path)/postgres",
                    ])
            }
            try await rotation.expectFresh("at first")
            try await body(&rotation)
            for replica in cluster.replicas.values {
                #expect(!replica.log.contains { $0.text.contains("hush") })
            }
        }
        await folder.close()
    }

    @Test("Passwords that rotate, in the file first or at the server first, need no restart, whoever leads")
    func rotated() async throws {
        try await withRotation { rotation in
            try rotation.put("hush-second", "redis")
            try rotation.put("hush-second", "postgres")
            try await rotation.cutAll()
            try await rotation.expectFresh("while the servers know only the former passwords")
            _ = try await rotation.cluster.command("CONFIG", "SET", "requirepass", "hush-second")
            rotation.cluster.redisPassword = "hush-second"
            _ = try await rotation.cluster.postgres.run(
                sql: "alter role app password 'hush-second'", database: "app")
            try await rotation.cutAll()
            try await rotation.expectFresh("with the new passwords")
            let leader = try #require(try await rotation.cluster.leader())
            try leader.process.signal(SIGKILL)
            _ = await leader.ended(within: .seconds(10))
            try await rotation.expectFresh("by another leader, which had read the former password")
        }
    }

    @Test("A wrong new password is told once, and the former one goes on")
    func wrong() async throws {
        try await withRotation { rotation in
            try rotation.put("hush-wrong", "redis")
            try rotation.put("hush-wrong", "postgres")
            for _ in 0..<2 {
                try await rotation.cutAll()
                try await rotation.expectFresh("with the former passwords")
            }
            for replica in rotation.cluster.replicas.values {
                func isMeant(_ line: LogLine) -> Bool {
                    line.text.contains("a new password or certificate can't be used")
                }
                // A follower may come back later than the change is in the cache.
                try await replica.firstLine("that it can't be used", where: isMeant)
                let told = replica.log.filter(isMeant)
                #expect(told.count == 1, "\(told)")
            }
            let leader = try #require(try await rotation.cluster.leader())
            #expect(leader.log.filter { $0.text.contains("a new password can't be used") }.count == 1)
        }
    }

    @Test("A password in the configuration file is taken at SIGHUP")
    func reloaded() async throws {
        try await Cluster.with(sql: ReplicaTests.schema, datasets: ReplicaTests.datasets) { cluster in
            func configure(_ user: String) throws {
                try cluster.write(
                    datasets: ReplicaTests.datasets,
                    redisURL: "redis://\(user):secret@127.0.0.1:\(cluster.redis.port)/0")
            }
            for user in ["one", "two"] {
                _ = try await cluster.command("ACL", "SETUSER", user, "on", ">secret", "~*", "&*", "+@all")
            }
            try configure("one")
            let replica = try await cluster.start("a")
            try await eventually("the first pass") { try await cluster.command("EXISTS", "merchant:100") == "1" }
            try configure("two")
            try replica.process.signal(SIGHUP)
            try await replica.line("configuration reloaded")
            _ = try await cluster.command("ACL", "DELUSER", "one")
            _ = try await cluster.postgres.run(
                sql: "update merchants set name = 'reloaded' where id = 1", database: "app")
            try await eventually("a change in the cache") {
                try await cluster.command("GET", "merchant:1").contains("reloaded")
            }
            #expect(!replica.log.contains { $0.text.contains("restart for the rest") })
        }
    }
}

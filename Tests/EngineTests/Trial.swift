import Drills
import Foundation
import LocalStack
import Testing

/// Two replicas of the program between one PostgreSQL and one Redis.
struct Trial {
    let postgres: LocalPostgres
    let redis: LocalRedis
    /// Where replicas find PostgreSQL.
    let databaseURL: String
    let folder: Workspace

    /// Runs everything that must work everywhere.
    ///
    /// - Returns: whether it did.
    static func run(_ postgres: Engine, _ redis: Engine, _ ways: [Way]) async throws -> Bool {
        var works = true
        var options = LocalPostgres.Options()
        options.programs = postgres.path
        var redisOptions = LocalRedis.Options()
        if let path = redis.path { redisOptions.executable = path }
        let folder = try await Workspace.create(prefix: "baton-engines")
        try await LocalPostgres.withServer(options) { server in
            let version = try await server.run(sql: "show server_version")
            try #require("PostgreSQL \(version)".hasPrefix("\(postgres.name)."), "another server than is written down")
            let major = Int(version.prefix { $0.isNumber }) ?? 0
            _ = try await HostileDatabase.create(on: server, version: major)
            try await LocalRedis.withServer(redisOptions) { cache in
                for way in ways {
                    func run(_ url: String) async throws {
                        let trial = Trial(postgres: server, redis: cache, databaseURL: url, folder: folder)
                        if try await !trial.run(redis) { works = false }
                    }
                    let (database, reader) = (HostileDatabase.name, HostileDatabase.reader)
                    if let mode = way.poolMode {
                        try await LocalPgBouncer.withServer(mode, inFrontOf: server) { pooler in
                            try await run(pooler.url(database: database, user: reader))
                        }
                    } else {
                        try await run(server.url(database: database, user: reader))
                    }
                }
            }
        }
        await folder.close()
        return works
    }

    private func run(_ engine: Engine) async throws -> Bool {
        _ = try await command(["FLUSHALL"])
        let info = try await command(["INFO", "server"])
        let name = engine.name.split(separator: " ")
        try #require(
            info.contains("\(name[0].lowercased())_version:\(name[1])."), "another server than is written down")
        try configure()
        var replicas: [ReplicaProcess] = []
        var works = false
        do {
            for name in ["a", "b"] { replicas.append(try await start(name)) }
            try await everythingIsAsPostgresSays()
            try await aSuccessorTakesOver(&replicas)
            try await clearedKeysComeBack()
            try await aBackupIsPutBack()
            works = true
        } catch {
            let said = replicas.flatMap { $0.log }.map(\.text).suffix(40)
            Issue.record("\(error)\n\(said.joined(separator: "\n"))")
        }
        for replica in replicas { await replica.process.kill() }
        return works
    }

    // MARK: What must work

    private func everythingIsAsPostgresSays() async throws {
        try await eventually("402 rows to be cached") { try await keys().count == 402 }
        try #require(try await differing() == [])
    }

    private func aSuccessorTakesOver(_ replicas: inout [ReplicaProcess]) async throws {
        let first = try await leader()
        if let place = ["a", "b"].firstIndex(of: first) {
            await replicas[place].process.kill()
            try await aChangeArrives()
            try #require(try await leader() != first)
            replicas[place] = try await start(first)
        }
        let second = try await leader()
        // Refused as long as the other one has just been started.
        try await eventually("a step-down") { (try? await baton("step-down", "--wait")) != nil }
        try await eventually("another leader") { try await leader() != second }
        try await aChangeArrives()
    }

    private func clearedKeysComeBack() async throws {
        let said = try await baton("cache", "clear", "id", "7", "--family", "kinds", "--yes")
        try #require(said.contains("Cleared 1 key"), "\(said)")
        try await eventually("the key to be back") { try await command(["EXISTS", "kind:7"]) == "1" }
        try #require(try await differing() == [])
    }

    private func aBackupIsPutBack() async throws {
        _ = try await command(["SET", "app:1", "of the application", "PX", "600000"])
        _ = try await command(["HSET", "app:2", "field", "value"])
        let path = "\(folder.path)/\(UInt32.random(in: 0 ... .max)).backup"
        _ = try await baton("cache", "backup", path, "--pattern", "app:*")
        _ = try await command(["DEL", "app:1", "app:2"])
        _ = try await baton("cache", "restore", path, "--yes")
        try #require(try await command(["GET", "app:1"]) == "of the application")
        try #require(try await command(["HGET", "app:2", "field"]) == "value")
        try #require(Int(try await command(["PTTL", "app:1"])) ?? 0 > 500_000)
    }

    // MARK: Rows and keys

    /// The ids of the rows whose cached value is not what PostgreSQL's own `to_jsonb` makes of them.
    private func differing() async throws -> [String] {
        let keys = try await keys()
        let values = try await command(["MGET"] + keys).split(separator: "\n", omittingEmptySubsequences: false)
        let cached = zip(keys, values).map { key, value in
            "(\(key.dropFirst("kind:".count)), $row$\(value)$row$)"
        }.joined(separator: ",\n")
        let sql = """
            \(HostileDatabase.pins)
            select coalesce(t.id, c.id) from \(HostileDatabase.table) t full join (values \(cached)) c (id, value) on c.id = t.id
            where to_jsonb(t) is distinct from c.value::jsonb order by 1;
            """
        return try await postgres.run(sql: sql, database: HostileDatabase.name).split(separator: "\n").map {
            String($0)
        }
    }

    private func keys() async throws -> [String] {
        try await command(["KEYS", "kind:*"]).split(separator: "\n").map { String($0) }.sorted()
    }

    /// Changes a row, and waits until the cache shows it.
    private func aChangeArrives() async throws {
        let sql = "update \(HostileDatabase.table) set version = version + 1 where id = 3 returning version"
        let version = try await postgres.run(sql: sql, database: HostileDatabase.name)
        try await eventually("version \(version) to be cached") {
            let value = try await command(["GET", "kind:3"]).replacing(" ", with: "")
            return value.contains("\"version\":\(version),")
        }
    }

    // MARK: Programs

    private func configure() throws {
        _ = try folder.write(
            """
            version: 1
            postgres: { url: "\(databaseURL)" }
            redis: { main: { url: "\(redis.url)" } }
            datasets: datasets.yaml
            """, to: "baton.yaml")
        _ = try folder.write(
            """
            version: 1
            datasets:
              kinds: { table: \(HostileDatabase.table), key: "kind:{id}", every: 200ms }
            """, to: "datasets.yaml")
    }

    private func start(_ name: String) async throws -> ReplicaProcess {
        try await ReplicaProcess.start(name, configuration: "\(folder.path)/baton.yaml")
    }

    /// Runs the program, and answers what it prints.
    private func baton(_ words: String...) async throws -> String {
        try await ChildProcess.output(ReplicaProcess.program, words + ["--config", "\(folder.path)/baton.yaml"])
    }

    private func leader() async throws -> String {
        var holder: String?
        try await eventually("a leader") {
            let lease = Data(try await command(["GET", "{baton:default}:lease"]).utf8)
            holder = (try? JSONSerialization.jsonObject(with: lease) as? [String: Any])?["holder"] as? String
            return holder != nil
        }
        return holder ?? ""
    }

    /// Sends Redis a command, and answers what `redis-cli` prints.
    private func command(_ words: [String]) async throws -> String {
        try await ChildProcess.output("redis-cli", ["-p", "\(redis.port)"] + words, environment: redis.environment)
    }
}

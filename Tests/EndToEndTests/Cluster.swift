import Drills
import Foundation
import LocalStack
import PostgresClient
import Testing

/// A real Redis, a real PostgreSQL, and replicas as processes of their own.
final class Cluster {
    let redis: LocalRedis
    let postgres: LocalPostgres
    let databaseURL: String
    /// For the tests' own look at Redis.
    var redisPassword: String?
    private let folder: Workspace
    private(set) var replicas: [String: ReplicaProcess] = [:]

    private init(redis: LocalRedis, postgres: LocalPostgres, databaseURL: String, folder: Workspace) {
        self.redis = redis
        self.postgres = postgres
        self.databaseURL = databaseURL
        self.folder = folder
    }

    /// Runs `body` with new servers, a database with this schema, and no replica yet.
    static func with(
        sql: String, datasets: String, redis options: LocalRedis.Options = LocalRedis.Options(),
        postgres postgresOptions: LocalPostgres.Options = LocalPostgres.Options(),
        _ body: (Cluster) async throws -> Void
    ) async throws {
        let folder = try await Workspace.create(prefix: "baton-test")
        try await LocalPostgres.withServer(postgresOptions) { postgres in
            try await LocalRedis.withServer(options) { redis in
                let url = try await postgres.createDatabase("app")
                _ = try await postgres.run(sql: sql, database: "app")
                let cluster = Cluster(redis: redis, postgres: postgres, databaseURL: url, folder: folder)
                cluster.redisPassword = options.password
                try cluster.write(datasets: datasets)
                do {
                    try await body(cluster)
                } catch {
                    for replica in cluster.replicas.values {
                        Issue.record("\(replica.log.map(\.text).joined(separator: "\n"))")
                    }
                    await cluster.close()
                    throw error
                }
                await cluster.close()
            }
        }
        await folder.close()
    }

    private func close() async {
        for replica in replicas.values {
            try? replica.process.signal(SIGCONT)
            await replica.process.kill()
        }
    }

    // MARK: Replicas

    func configurationPath(_ revision: String) -> String { "\(folder.path)/baton-\(revision).yaml" }

    /// - Parameters:
    ///   - revision: its name, where replicas with different ones are side by side.
    ///   - redisURL: nil for the cluster's own.
    func write(datasets: String, revision: String = "first", redisURL: String? = nil) throws {
        try datasets.write(toFile: "\(folder.path)/datasets-\(revision).yaml", atomically: true, encoding: .utf8)
        try """
        version: 1
        postgres: { url: "\(databaseURL)" }
        redis: { main: { url: "\(redisURL ?? redis.url)" } }
        datasets: datasets-\(revision).yaml
        """.write(toFile: configurationPath(revision), atomically: true, encoding: .utf8)
    }

    /// - Parameter wrapper: a command that runs the one that follows it in the same process.
    @discardableResult
    func start(
        _ name: String, revision: String = "first", environment: [String: String?] = [:],
        through wrapper: [String] = []
    ) async throws -> ReplicaProcess {
        let replica = try await ReplicaProcess.start(
            name, configuration: configurationPath(revision), environment: environment, through: wrapper)
        replicas[name] = replica
        return replica
    }

    // MARK: What Redis says

    /// - Parameter server: nil for the cluster's own.
    func command(_ words: String..., at server: LocalRedis? = nil) async throws -> String {
        let process = try await ChildProcess.start(
            "redis-cli", ["-p", "\((server ?? redis).port)"] + words,
            environment: redisPassword.map { ["REDISCLI_AUTH": $0] } ?? [:])
        var lines: [String] = []
        for await line in process.standardOutput { lines.append(line) }
        _ = await process.wait()
        return lines.joined(separator: "\n")
    }

    /// Who holds the lease; nil if nobody does.
    func leader() async throws -> ReplicaProcess? {
        let lease = try await command("GET", "{baton:default}:lease")
        guard let data = lease.data(using: .utf8),
            let fields = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let holder = fields["holder"] as? String
        else { return nil }
        return replicas[holder]
    }

    /// When each replica last said that it is there, by its name, in milliseconds since 1970 by the clock of Redis.
    func seenMilliseconds() async throws -> [String: Int64] {
        var seen: [String: Int64] = [:]
        for note in try await command("HVALS", "{baton:default}:replicas").split(separator: "\n") {
            guard let fields = try? JSONSerialization.jsonObject(with: Data(note.utf8)) as? [String: Any],
                let name = fields["name"] as? String, let time = fields["seen"] as? String
            else { continue }
            seen[name] = Int64(time)
        }
        return seen
    }

    /// The history, oldest first: what happened and to whom.
    func events() async throws -> String { try await command("XRANGE", "{baton:default}:events", "-", "+") }
}

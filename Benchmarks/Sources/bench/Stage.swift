import Drills
import Foundation
import LocalStack

/// A PostgreSQL and a Redis of our own, and replicas as processes.
final class Stage {
    let redis: LocalRedis
    let postgres: LocalPostgres
    private let folder: Workspace
    private(set) var replicas: [ReplicaProcess] = []
    static let database = "app"

    private init(redis: LocalRedis, postgres: LocalPostgres, folder: Workspace) {
        self.redis = redis
        self.postgres = postgres
        self.folder = folder
    }

    /// Runs `body` with new servers and an empty database, and leaves nothing behind.
    static func with<Result>(_ body: (Stage) async throws -> Result) async throws -> Result {
        let folder = try await Workspace.create(prefix: "baton-bench")
        do {
            var options = LocalPostgres.Options()
            options.configuration = ["shared_buffers = 128MB", "max_wal_size = 8GB"]
            let postgres = try await LocalPostgres.start(options, in: folder)
            let redis = try await LocalRedis.start(in: folder)
            _ = try await postgres.createDatabase(database)
            let stage = Stage(redis: redis, postgres: postgres, folder: folder)
            let result = try await body(stage)
            await stage.stopReplicas()
            await folder.close()
            return result
        } catch {
            await folder.close()
            throw error
        }
    }

    func sql(_ text: String) async throws {
        try await postgres.run(sql: text, database: Self.database)
    }

    /// - Parameter datasets: the lines below `datasets:`, indented by two.
    func configure(datasets: String) throws {
        try "version: 1\ndatasets:\n\(datasets)\n".write(
            toFile: folder.path + "/datasets.yaml", atomically: true, encoding: .utf8)
        try """
        version: 1
        postgres: { url: "\(postgres.url(database: Self.database))" }
        redis: { main: { url: "\(redis.url)" } }
        log: { level: debug, format: json }
        """.write(toFile: folder.path + "/baton.yaml", atomically: true, encoding: .utf8)
    }

    // MARK: Replicas

    /// - Parameter environment: settings that differ from the configuration file's.
    func startReplica(_ name: String, environment: [String: String?] = [:]) async throws -> ReplicaProcess {
        let replica = try await ReplicaProcess.start(
            name, configuration: folder.path + "/baton.yaml", environment: environment
        ) { line in
            // What is no JSON, such as the last words of a process that crashed.
            if line.message == line.text { FileHandle.standardError.write(Data("  \(name): \(line.text)\n".utf8)) }
        }
        replicas.append(replica)
        return replica
    }

    /// Starts another command of the program.
    func baton(_ words: String...) async throws -> ChildProcess {
        try await Self.program(words + ["--config", folder.path + "/baton.yaml"])
    }

    /// Starts the program with these words.
    static func program(_ words: [String]) async throws -> ChildProcess {
        try await ChildProcess.start(ReplicaProcess.program, words)
    }

    func stopReplicas() async {
        for replica in replicas { await replica.process.terminate() }
        replicas = []
    }

    // MARK: Redis

    func redis(_ words: String...) async throws -> [String] {
        try await Shell.lines("redis-cli", ["-p", "\(redis.port)"] + words)
    }

    /// How many batches the leader has had confirmed in its term.
    func fenceSequence() async throws -> Int {
        let text = try await redis("HGET", "{baton:default}:fence", "sequence").first ?? ""
        guard let sequence = Int(text) else { throw Shell.Failed(description: "the fence has no sequence: \(text)") }
        return sequence
    }

    /// How often each command was called since the server's start, those within scripts included.
    func calls() async throws -> [String: Int] {
        var calls: [String: Int] = [:]
        for line in try await redis("INFO", "commandstats") where line.hasPrefix("cmdstat_") {
            let parts = line.dropFirst("cmdstat_".count).split(separator: ":", maxSplits: 1)
            let count = parts[1].dropFirst("calls=".count).prefix { $0.isNumber }
            calls[String(parts[0])] = Int(count)
        }
        return calls
    }
}

/// Other programs.
enum Shell {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    static func lines(_ program: String, _ arguments: [String]) async throws -> [String] {
        try await ChildProcess.output(
            program, arguments, environment: ["REDISCLI_AUTH": LocalPassword.ofThisProcess]
        ).split(whereSeparator: \.isNewline).map { String($0) }
    }
}

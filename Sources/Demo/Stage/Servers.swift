internal import Formatting
import Glibc
internal import LocalStack
internal import Logging
internal import NIOPosix
internal import PostgresClient
internal import RedisClient

/// A private PostgreSQL with the sample database and a private Redis, in one temporary folder.
struct Servers: Sendable {
    let workspace: Workspace
    let postgres: LocalPostgres
    let redis: LocalRedis
    let sample: SampleDatabase

    /// - Parameter progress: is told of each step.
    /// - Throws: ``DemoError``; `CancellationError` if the task is cancelled meanwhile.
    static func start(_ size: SampleDatabase.Size, progress: Progress) async throws -> Servers {
        do {
            let workspace = try await Workspace.create(prefix: "baton-demo")
            do {
                return try await start(size, in: workspace, progress)
            } catch {
                await workspace.close()
                throw error
            }
        } catch {
            try Task.checkCancellation()
            throw (error as? LocalStackError).map { DemoError(.servers, "\($0)") } ?? error
        }
    }

    private static func start(
        _ size: SampleDatabase.Size, in workspace: Workspace, _ progress: Progress
    ) async throws -> Servers {
        let postgres = try await progress.step("starting PostgreSQL") {
            var options = LocalPostgres.Options()
            // Room for loading a million rows without pauses.
            options.configuration = ["shared_buffers = 128MB", "max_wal_size = 8GB", "wal_level = logical"]
            return try await LocalPostgres.start(options, in: workspace)
        }
        let redis = try await progress.step("starting Redis") {
            try await LocalRedis.start(in: workspace)
        }
        let sample = SampleDatabase(on: postgres, size: size)
        try await progress.step("filling the sample database, \(TextLayout.grouped(size.merchants)) merchants") {
            try await sample.create()
            try await sample.fill()
        }
        return Servers(workspace: workspace, postgres: postgres, redis: redis, sample: sample)
    }

    /// What a replica must be told.
    func environment(for plan: DemoPlan) -> [String: String?] {
        var environment = plan.environment
        for name in plan.postgresVariables { environment[name] = .some(sample.readerURL) }
        for name in plan.redisVariables { environment[name] = .some(redis.url) }
        environment["BATON_LOG_FORMAT"] = .some("json")
        environment["BATON_LOG_LEVEL"] = .some("debug")  // passes that change nothing are told there
        return environment
    }

    /// - Throws: `LocalStackError` if the file for operators can't be written.
    func place(for plan: DemoPlan) throws -> Place {
        Place(
            redisPort: redis.port, postgresPort: postgres.port, exampleKey: "\(plan.keyPrefix)merchant:1",
            variablesPath: try workspace.write(variables(for: plan), to: "demo.env"))
    }

    /// What a shell must know so that `baton`, `psql` and those who look for replicas find this demo and no other.
    private func variables(for plan: DemoPlan) -> String {
        var variables = plan.environment
        for name in plan.postgresVariables { variables[name] = .some(sample.readerURL) }
        for name in plan.redisVariables { variables[name] = .some(redis.url) }
        variables["REDIS_URL"] = .some(redis.address)
        for (name, value) in redis.environment { variables[name] = value }
        variables["PGHOST"] = .some("127.0.0.1")
        variables["PGPORT"] = .some("\(postgres.port)")
        variables["PGUSER"] = .some("postgres")
        variables["PGPASSWORD"] = .some(LocalPassword.ofThisProcess)
        variables["PGDATABASE"] = .some(SampleDatabase.name)
        variables["DEMO_PID"] = .some("\(getpid())")
        let lines = variables.sorted { $0.key < $1.key }.map { name, value in
            value.map { "export \(name)=\(ShellText.quoted($0))" } ?? "unset \(name)"
        }
        let folder = plan.executable.prefix(upTo: plan.executable.lastIndex(of: "/") ?? plan.executable.startIndex)
        return (lines + ["export PATH=\(ShellText.quoted(String(folder))):\"$PATH\""]).joined(separator: "\n") + "\n"
    }

    /// The configuration of those who change and check rows.
    var owner: PostgresConfiguration {
        PostgresConfiguration(
            url: sample.ownerURL, applicationName: "baton demo", statementTimeout: .zero,
            settings: [("TimeZone", "UTC")])
    }

    /// A client of the demo's own.
    func redisClient() throws -> RedisClient {
        RedisClient(
            try redisConfiguration(), eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: Logger(label: "demo") { _ in SwiftLogNoOpLogHandler() })
    }

    func redisConnection() async throws -> RedisConnection {
        try await RedisConnection.connect(
            try redisConfiguration(), eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: Logger(label: "demo") { _ in SwiftLogNoOpLogHandler() })
    }

    private func redisConfiguration() throws -> RedisConfiguration {
        RedisConfiguration(url: try RedisURL(redis.url), clientName: "baton-demo")
    }
}

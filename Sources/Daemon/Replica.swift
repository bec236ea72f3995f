package import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import ElectionRuntime
internal import Formatting
internal import Glibc
internal import GroupState
internal import LeaderElection
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import PostgresClient
internal import RedisClient
internal import RefreshRuntime
internal import ServiceLifecycle
internal import StatusServer
internal import Telemetry
internal import UnixSignals

/// One `baton` process: it follows, leads when elected, and refreshes while it leads.
package struct Replica: Sendable {
    private let configurationPath: String
    private let environment: [String: String]
    private let configuration: Configuration
    private let name: String
    private let commit: String
    private let logs: Logs
    private let secrets: Secrets
    private var logger: Logger { logs[.replica] }

    /// Reads the configuration and sets logging up; connects to nothing yet.
    ///
    /// - Parameters:
    ///   - name: how this replica appears to people; nil for the host's name, which on Kubernetes is the pod's.
    ///   - commit: that the program was built from.
    /// - Throws: `ConfigurationErrors`.
    package init(
        configurationPath: String, environment: [String: String], name: String?, commit: String
    ) throws(ConfigurationErrors) {
        let configuration = try Configuration.load(path: configurationPath, environment: environment)
        self.configurationPath = configurationPath
        self.environment = environment
        self.configuration = configuration
        secrets = Secrets(configuration)
        self.commit = commit
        let said = [name, environment["HOSTNAME"]].compactMap { $0 }
        self.name = said.first { !$0.unicodeScalars.allSatisfy(\.properties.isWhitespace) } ?? Self.hostName
        let format: LogFormat =
            switch configuration.log.format {
            case .json: .json
            case .text: .text(isColoured: StandardError.isColoured(environment))
            }
        logs = Logs(configuration.log, replica: self.name, output: LogOutput(format))
    }

    /// Runs until SIGTERM or SIGINT; returns when the lease was given back, or after the drain time at the latest.
    package func run() async throws {
        defer { logs.flush() }
        logger.notice(
            "started", [.group: "\(configuration.group)", .revision: "\(configuration.revision)"])
        let health = Health()
        signal(SIGPIPE, SIG_IGN)  // whoever read the log may be gone
        let metrics = ReplicaMetrics(version: Formats.version, commit: commit)
        let server = try await serve(health.routes.merging(metrics.routes) { $1 })
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: GroupService(
                            configuration: configuration, secrets: secrets, name: name, logs: logs,
                            reloads: reloads(), health: health, metrics: metrics),
                        successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: quiet(logger)))
        do {
            try await group.run()
        } catch {
            await server?.stop()
            throw error
        }
        await server?.stop()
        logger.notice("stopped")
    }

    /// For a library that has names of its own for what its records carry.
    private func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .notice)
        return logger
    }

    /// Serves these pages where the configuration says so.
    private func serve(_ routes: HTTPRoutes) async throws(ListenError) -> HTTPServer? {
        guard let address = configuration.http.listen else { return nil }
        let server = try await HTTPServer.start(on: address, routes: routes)
        logger.notice("listening", [.address: "\(server.address)"])
        return server
    }

    /// The datasets as each SIGHUP finds them, and the secrets; a file with mistakes changes nothing and says so.
    private func reloads() -> AsyncStream<[Dataset]> {
        AsyncStream { continuation in
            let task = Task {
                for await _ in await UnixSignalsSequence(trapping: .sighup) {
                    do throws(ConfigurationErrors) {
                        let latest = try Configuration.load(path: configurationPath, environment: environment)
                        secrets.replace(latest)
                        if latest.needsRestart(after: configuration) {
                            logger.warning("only datasets and secrets are reloaded; restart for the rest")
                        }
                        if let stranger = latest.enabledDatasets.first(where: { configuration.redis[$0.redis] == nil })
                        {
                            logger.error(
                                "configuration not reloaded",
                                [
                                    .problem:
                                        "\(stranger.name) names the redis \(stranger.redis), which was not there at the start: restart"
                                ])
                            continue
                        }
                        logger.notice("configuration reloaded", [.revision: "\(latest.revision)"])
                        continuation.yield(latest.datasets)
                    } catch {
                        logger.error("configuration not reloaded", [.problem: "\(error)"])
                    }
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "replica" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// The replicas that compete for one lease, seen from one of them: its election, and its work when it leads.
struct GroupService: Service {
    let configuration: Configuration
    let secrets: Secrets
    let name: String
    let logs: Logs
    let reloads: AsyncStream<[Dataset]>
    let health: Health
    let metrics: ReplicaMetrics

    func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let leaseLoop = loops.next()
        let dataLoop = loops.next()
        let watchdog = Watchdog(
            [.eventLoop("leaseLoop", leaseLoop), .eventLoop("dataLoop", dataLoop), .taskPool], logger: logs[.replica])
        watchdog.start()
        health.watch(by: watchdog)
        let postgres = PostgresAccess(
            configuration.postgresConfiguration, secrets: secrets, logger: logs[.refresh])
        if let server = await identifyServer(postgres) {
            health.identifiedPostgres()
            await compete(server, postgres, leaseLoop: leaseLoop, dataLoop: dataLoop, watchdog: watchdog)
        }
        await watchdog.stop()
        try? await loops.shutdownGracefully()
    }

    private func compete(
        _ server: ServerIdentity, _ postgres: PostgresAccess, leaseLoop: any EventLoop, dataLoop: any EventLoop,
        watchdog: Watchdog
    ) async {
        let ways = redisConfigurations()
        let keys = GroupKeys(prefix: configuration.keyPrefix, group: configuration.group)
        let clients = ways.mapValues { way in
            RedisClient(way, eventLoop: dataLoop, logger: logs[.redis]) { connection throws(RedisError) in
                try await RedisNature.admit(
                    connection, for: RedisTrial(keys: keys, holdsLease: false), timeout: way.commandTimeout)
            }
        }
        var leaseWay = ways[configuration.lease.redis]!
        leaseWay.clientName = "baton-lease"
        let deployment = "\(server.deployment)/\(configuration.group)"
        let refresh = RefreshService(
            configuration: configuration, deployment: deployment, redis: clients, postgres: postgres,
            logger: logs[.refresh], metrics: metrics.registry)
        let store = LeaseStore(
            redis: leaseWay, keys: keys, holder: name, deployment: deployment, timing: configuration.lease.timing,
            detectsCrashes: configuration.lease.crashDetection == .connection, eventLoop: leaseLoop,
            logger: logs[.redis])
        for (name, client) in clients { metrics.watch(name, purpose: "data") { client.isConnected } }
        metrics.watch(configuration.lease.redis, purpose: "lease") { store.isConnected }
        var random = SystemRandomNumberGenerator()
        let replicaInfo = ReplicaInfo(
            id: "\(Token(using: &random))", name: name, version: Formats.version, revision: configuration.revision,
            startedMilliseconds: WallClock.now.millisecondsSince1970)
        let election = ElectionService(
            group: configuration.group, store: store, replicaInfo: replicaInfo, work: refresh,
            drain: configuration.shutdown.drain, eventLoop: leaseLoop, logger: logs[.election],
            metrics: metrics.registry,
            termBegan: { term in
                watchdog.watch(term)
                metrics.watch(term)
            })
        health.joinedElection { election.status }
        let reloading = Task { for await datasets in reloads { refresh.replace(datasets: datasets) } }
        await election.run()
        reloading.cancel()
        for client in clients.values { await client.close() }
    }

    /// How each Redis is reached, by its name. Where two reach one server, both learn what one is told.
    private func redisConfigurations() -> [String: RedisConfiguration] {
        let servers = RedisServers()
        var ways: [String: RedisConfiguration] = [:]
        for (name, redis) in configuration.redis {
            var way = redis.clientConfiguration(name: "baton")
            way.servers = servers
            way.credentials = { [secrets] () throws(RedisError) in try secrets.redis(name) }
            ways[name] = way
        }
        return ways
    }

    /// Which database this replica reads: the lease names it, so that two databases never fill one cache.
    ///
    /// - Returns: nil when the replica is told to stop before it is known.
    private func identifyServer(_ postgres: PostgresAccess) async -> ServerIdentity? {
        await cancelWhenGracefulShutdown {
            await ServerIdentity.find(logs[.refresh]) {
                let connection = try await postgres.connect()
                do {
                    let identity = try await ServerIdentity.read(from: connection)
                    await connection.close()
                    return identity
                } catch {
                    await connection.close()
                    throw error
                }
            }
        }
    }
}

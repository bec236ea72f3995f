internal import CacheRefresh
internal import LeaderElection
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import PostgresClient
internal import RedisClient
internal import ServiceLifecycle
internal import UnixSignals

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// One `baton` process: it follows, leads when elected, and refreshes while it leads.
public struct Replica: Sendable {
    private let configurationPath: String
    private let environment: [String: String]
    private let configuration: Configuration
    private let name: String
    private let logger: Logger

    /// Reads the configuration and sets logging up; connects to nothing yet.
    ///
    /// - Parameters:
    ///   - name: how this replica appears to people; nil for the host's name, which on Kubernetes is the pod's.
    /// - Throws: `ConfigurationErrors`.
    public init(configurationPath: String, environment: [String: String], name: String?) throws(ConfigurationErrors) {
        let configuration = try Configuration.load(path: configurationPath, environment: environment)
        self.configurationPath = configurationPath
        self.environment = environment
        self.configuration = configuration
        self.name = name ?? environment["HOSTNAME"] ?? Self.hostName
        let format: LineLogHandler.Format = configuration.log.format == .json ? .json : .text
        let level = Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info
        var logger = Logger(label: "baton") { _ in LineLogHandler(format: format, level: level) }
        logger[metadataKey: "replica"] = "\(self.name)"
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT; returns when the lease was given back, or after the drain time at the latest.
    public func run() async throws {
        logger.notice(
            "started", metadata: ["group": "\(configuration.group)", "revision": "\(configuration.revision)"])
        let health = Health()
        let server = try await serve(health.routes)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: GroupService(
                            configuration: configuration, name: name, logger: logger, reloads: reloads(),
                            health: health),
                        successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        do {
            try await group.run()
        } catch {
            await server?.stop()
            throw error
        }
        await server?.stop()
        logger.notice("stopped")
    }

    /// Serves these pages where the configuration says so.
    private func serve(_ routes: HTTPRoutes) async throws(ListenError) -> HTTPServer? {
        guard let address = configuration.http.listen else { return nil }
        let server = try await HTTPServer.start(on: address, routes: routes)
        logger.notice("listening", metadata: ["address": "\(server.address)"])
        return server
    }

    /// The datasets as each SIGHUP finds them; a file with mistakes changes nothing and says so.
    private func reloads() -> AsyncStream<[Dataset]> {
        AsyncStream { continuation in
            let task = Task {
                for await _ in await UnixSignalsSequence(trapping: .sighup) {
                    do throws(ConfigurationErrors) {
                        let latest = try Configuration.load(path: configurationPath, environment: environment)
                        if latest.differsBesidesDatasets(from: configuration) {
                            logger.warning("only datasets are reloaded; restart for the rest")
                        }
                        logger.notice("configuration reloaded", metadata: ["revision": "\(latest.revision)"])
                        continuation.yield(latest.datasets)
                    } catch {
                        logger.error("configuration not reloaded", metadata: ["problem": "\(error)"])
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

extension Configuration {
    fileprivate func differsBesidesDatasets(from other: Configuration) -> Bool {
        var mine = self
        mine.datasets = other.datasets
        mine.families = other.families
        mine.settings = other.settings
        return mine != other
    }
}

/// The replicas that compete for one lease, seen from one of them: its election, and its work when it leads.
struct GroupService: Service {
    let configuration: Configuration
    let name: String
    let logger: Logger
    let reloads: AsyncStream<[Dataset]>
    let health: Health

    func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let leaseLoop = loops.next()
        let dataLoop = loops.next()
        let watchdog = Watchdog(
            [.eventLoop("leaseLoop", leaseLoop), .eventLoop("dataLoop", dataLoop), .taskPool], logger: logger)
        watchdog.start()
        health.watch(by: watchdog)
        if let server = await identifyServer() {
            health.identifiedPostgres()
            await compete(server, leaseLoop: leaseLoop, dataLoop: dataLoop, watchdog: watchdog)
        }
        await watchdog.stop()
        try? await loops.shutdownGracefully()
    }

    private func compete(
        _ server: ServerIdentity, leaseLoop: any EventLoop, dataLoop: any EventLoop, watchdog: Watchdog
    ) async {
        let clients = configuration.redis.mapValues { redis in
            RedisClient(redis.clientConfiguration(name: "baton"), eventLoop: dataLoop, logger: logger)
        }
        let deployment = "\(server.deployment)/\(configuration.group)"
        let refresh = RefreshService(
            configuration: configuration, deployment: deployment, redis: clients, logger: logger)
        let store = LeaseStore(
            redis: configuration.redis[configuration.lease.redis]!.clientConfiguration(name: "baton-lease"),
            keys: GroupKeys(prefix: configuration.keyPrefix, group: configuration.group), holder: name,
            deployment: deployment, timing: configuration.lease.timing,
            detectsCrashes: configuration.lease.crashDetection == .connection, eventLoop: leaseLoop, logger: logger)
        var random = SystemRandomNumberGenerator()
        let presence = Presence(
            id: "\(Token(using: &random))", name: name, version: Formats.version, revision: configuration.revision,
            startedMilliseconds: WallClock.now.millisecondsSince1970)
        let election = ElectionService(
            group: configuration.group, store: store, presence: presence, work: refresh,
            drain: configuration.shutdown.drain, eventLoop: leaseLoop, logger: logger,
            termBegan: { watchdog.watch($0) })
        health.joinedElection { election.status }
        let reloading = Task { for await datasets in reloads { refresh.replace(datasets: datasets) } }
        await election.run()
        reloading.cancel()
        for client in clients.values { await client.close() }
    }

    /// Which database this replica reads: the lease names it, so that two databases never fill one cache.
    ///
    /// - Returns: nil when the replica is told to stop before it is known.
    private func identifyServer() async -> ServerIdentity? {
        await cancelWhenGracefulShutdown {
            var schedule = PassSchedule(every: .milliseconds(200))
            var random = SystemRandomNumberGenerator()
            var problem: Problem?
            while !Task.isCancelled {
                do {
                    let connection = try await PostgresConnection.connect(configuration.postgresConfiguration)
                    let identity = try await ServerIdentity.read(from: connection)
                    await connection.close()
                    return identity
                } catch {
                    let latest = Problem(error)
                    if latest.kind != problem?.kind, !Task.isCancelled {
                        logger.error("postgres can't be used", metadata: ["problem": "\(latest.text)"])
                    }
                    problem = latest
                    try? await Task.sleep(for: schedule.failed(using: &random))
                }
            }
            return nil
        }
    }
}

extension Configuration.Redis {
    func clientConfiguration(name: String) -> RedisConfiguration {
        RedisConfiguration(url: url, tls: tls, username: username, password: password, clientName: name)
    }
}

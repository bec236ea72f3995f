package import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import Glibc
internal import GroupState
internal import Logging
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
    ///   - commit: the commit that the program was built from.
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
        signal(SIGPIPE, SIG_IGN)  // whoever read the log may be gone
        let threads = Threads(logger)
        do {
            try await run(on: threads)
        } catch {
            await threads.stop()
            throw error
        }
        await threads.stop()
        logger.notice("stopped")
    }

    private func run(on threads: Threads) async throws {
        let metrics = ReplicaMetrics(groups: [configuration.group], version: Formats.version, commit: commit)
        let groups = [
            Group(configuration, secrets: secrets, replica: name, logs: logs, threads: threads, metrics: metrics)
        ]
        let health = Health(groups.map(\.health))
        health.watch(by: threads.watchdog)
        let server = try await serve(health.routes.merging(metrics.routes) { $1 })
        let reloads = groups.map { _ in AsyncStream.makeStream(of: [Dataset].self) }
        let reloading = Task { await reload(into: reloads.map(\.continuation)) }
        defer { reloading.cancel() }
        let services = zip(groups, reloads).map { group, datasets in
            ServiceGroupConfiguration.ServiceConfiguration(
                service: GroupService(group: group, threads: threads, reloads: datasets.stream),
                successTerminationBehavior: .gracefullyShutdownGroup)
        }
        do {
            try await ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger))
            ).run()
        } catch {
            await server?.stop()
            throw error
        }
        await server?.stop()
    }

    /// The logger with notices and worse only, for a library that has its own names for what its records carry.
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

    /// Reads the configuration anew at each SIGHUP: exchanges the secrets, and tells each group the datasets. A file with
    /// mistakes changes nothing and says so.
    private func reload(into groups: [AsyncStream<[Dataset]>.Continuation]) async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            do throws(ConfigurationErrors) {
                let latest = try Configuration.load(path: configurationPath, environment: environment)
                if let stranger = latest.enabledDatasets.first(where: { configuration.redis[$0.redis] == nil }) {
                    logger.error(
                        "configuration not reloaded",
                        [
                            .problem:
                                "\(stranger.name) names the redis \(stranger.redis), which was not there at the start: restart"
                        ])
                    continue
                }
                secrets.replace(latest)
                if latest.needsRestart(after: configuration) {
                    logger.warning("only datasets and secrets are reloaded; restart for the rest")
                }
                logger.notice("configuration reloaded", [.revision: "\(latest.revision)"])
                for group in groups { group.yield(latest.datasets) }
            } catch {
                logger.error("configuration not reloaded", [.problem: "\(error)"])
            }
        }
    }

    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "replica" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

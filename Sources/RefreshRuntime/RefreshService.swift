package import BatonConfiguration
package import CacheRefresh
package import CoreMetrics
internal import DatasetReading
package import ElectionRuntime
internal import Formatting
package import GroupState
package import LeaderElection
package import Logging
internal import PostgresClient
package import RedisClient
internal import Synchronization
internal import Telemetry

/// A leader's work: refreshes every enabled dataset for as long as a term lasts.
///
/// It holds connections to PostgreSQL only during a term. Datasets can be exchanged while it runs.
package final class RefreshService: TermWork {
    private let configuration: Configuration
    private let keys: GroupKeys
    private let deployment: String
    private let redis: [String: RedisClient]
    private let postgres: PostgresAccess
    private let logger: Logger
    private let instruments: Instruments
    private let incapacity: Incapacity
    private let state: Mutex<State>

    private struct State {
        var datasets: [Dataset]
        /// Hands reloaded datasets to the term that is led; nil while none is.
        var updates: AsyncStream<[Dataset]>.Continuation?
    }

    /// - Parameters:
    ///   - keys: the group's keys.
    ///   - deployment: as given to the lease store.
    ///   - redis: a client for each Redis of the configuration, by its name; batches go through it.
    ///   - postgres: how PostgreSQL is reached; nil: as the configuration says.
    ///   - incapacity: how long the work may get nowhere; a part of that passes before somebody looks.
    ///   - metrics: where passes are counted.
    package init(
        configuration: Configuration, keys: GroupKeys, deployment: String, redis: [String: RedisClient],
        postgres: PostgresAccess? = nil, incapacity: Incapacity = .standard, logger: Logger,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance
    ) {
        self.configuration = configuration
        self.keys = keys
        self.deployment = deployment
        self.redis = redis
        self.postgres = postgres ?? PostgresAccess(configuration.postgresConfiguration)
        self.incapacity = incapacity
        self.logger = logger
        self.instruments = Instruments(metrics)
        self.state = Mutex(State(datasets: configuration.enabledDatasets))
    }

    /// Refreshes these datasets from now on. Those that did not change go on undisturbed; keys of those that are gone
    /// stay until their TTL.
    package func replace(datasets: [Dataset]) {
        let enabled = datasets.filter(\.isEnabled)
        let updates = state.withLock { state in
            state.datasets = enabled
            return state.updates
        }
        updates?.yield(enabled)
    }

    /// Tries PostgreSQL, and each Redis that a dataset is written to.
    package func missing() async -> [String] {
        let names = Set(state.withLock { $0.datasets }.map(\.redis))
        return await WorkTrial(
            postgres: postgres, targets: redis.filter { names.contains($0.key) },
            limit: max(incapacity.patience / 10, .seconds(1))
        ).run()
    }

    /// Works until the task is cancelled, or a target has seen a later term.
    package func lead(_ term: LeadershipTerm) async {
        let signs = SignsOfLife()
        let watch = WorkWatch(term: term, signs: signs, incapacity: incapacity) { await self.missing() }
        let watching = Task { await watch.run() }
        await lead(term, signs)
        watching.cancel()
        await watching.value
    }

    private func lead(_ term: LeadershipTerm, _ signs: SignsOfLife) async {
        let pool = PostgresPool(
            postgres, limit: configuration.postgres.connections, instruments: instruments)
        let initial = state.withLock { $0.datasets }
        // The meters count from the start: that nothing can be refreshed has to be seen as well.
        var meters = Dictionary(
            initial.map { ($0.name, DatasetMeter($0.name, instruments)) }, uniquingKeysWith: { $1 })
        let report = redis[configuration.lease.redis].map {
            StatisticsReport(key: keys.statistics, term: term, redis: $0)
        }
        for meter in meters.values { report?.add(meter) }
        let reporting = Task { if let report { await report.run() } }
        defer { for meter in meters.values { meter.ended() } }
        let allFailed = { [meters] in for meter in meters.values { meter.failed($0) } }
        for dataset in initial { signs.passBegan(dataset.name, target: dataset.redis) }
        let server = await ServerIdentity.find(logger, while: term.isLive(), failed: allFailed) {
            try await pool.withConnection { try await ServerIdentity.read(from: $0) }
        }
        guard server != nil else {
            reporting.cancel()
            await reporting.value
            await pool.close()
            return
        }
        for meter in meters.values { meter.recovered() }
        for dataset in initial { signs.passSucceeded(dataset.name) }
        let current = Set(state.withLock { $0.datasets }.map(\.name))
        for name in meters.keys where !current.contains(name) { meters.removeValue(forKey: name)?.ended() }
        let fences = makeFences(of: term, signs)
        let cleared = redis.mapValues { ClearedKeys(keys: keys, token: term.token, redis: $0) }
        let walks = walks(state.withLock { $0.datasets })
        let (stream, updates) = AsyncStream.makeStream(of: [Dataset].self, bufferingPolicy: .bufferingNewest(1))
        updates.yield(
            state.withLock { state in
                state.updates = updates
                return state.datasets
            })

        await withTaskCancellationHandler {
            await refresh(stream) { dataset in
                let meter = meters.removeValue(forKey: dataset.name) ?? DatasetMeter(dataset.name, instruments)
                report?.add(meter)
                var loop = makeLoop(dataset, term, fences, cleared, walks, pool, meter, signs)
                loop?.giveUpTerm = { updates.finish() }
                return loop
            }
        } onCancel: {
            term.stoppedSending()  // the term's end, which cancelled us, has closed the fences already
        }
        state.withLock { $0.updates = nil }
        reporting.cancel()
        await reporting.value
        await pool.close()
    }

    /// Keeps one loop running for each dataset of the latest list, until the lists end or the task is cancelled.
    private func refresh(_ lists: AsyncStream<[Dataset]>, _ makeLoop: (Dataset) -> DatasetLoop?) async {
        var running: [String: (dataset: Dataset, task: Task<Void, Never>)] = [:]
        for await datasets in lists {
            for (name, entry) in running where !datasets.contains(entry.dataset) {
                entry.task.cancel()
                await entry.task.value
                running[name] = nil
            }
            for dataset in datasets where running[dataset.name] == nil {
                guard let loop = makeLoop(dataset) else { continue }
                running[dataset.name] = (dataset, Task { await loop.run() })
            }
        }
        for entry in running.values { entry.task.cancel() }
        for entry in running.values { await entry.task.value }
    }

    /// A fence for each Redis. The first batch, or the first tick, raises it and shuts an earlier leader out.
    private func makeFences(of term: LeadershipTerm, _ signs: SignsOfLife) -> [String: Fence] {
        var fences: [String: Fence] = [:]
        for (name, client) in redis {
            var logger = logger
            logger[.redis] = "\(name)"
            fences[name] = Fence(
                keys: keys, deployment: name == configuration.lease.redis ? deployment : nil, term: term,
                redis: client, logger: logger, instruments: instruments,
                acknowledged: { signs.heard(name) })
        }
        return fences
    }

    private func walks(_ datasets: [Dataset]) -> [String: SharedWalk] {
        Dictionary(grouping: datasets, by: \.redis).mapValues {
            SharedWalk($0, keyPrefix: configuration.keyPrefix)
        }
    }

    private func makeLoop(
        _ dataset: Dataset, _ term: LeadershipTerm, _ fences: [String: Fence], _ cleared: [String: ClearedKeys],
        _ walks: [String: SharedWalk], _ pool: PostgresPool, _ meter: DatasetMeter, _ signs: SignsOfLife
    ) -> DatasetLoop? {
        var logger = logger
        logger[.dataset] = "\(dataset.name)"
        logger[.epoch] = "\(term.epoch)"
        guard let fence = fences[dataset.redis], let client = redis[dataset.redis] else {
            logger.error("dataset names an unknown redis", [.redis: "\(dataset.redis)"])
            meter.ended()
            return nil
        }
        return DatasetLoop(
            pass: DatasetPass(
                dataset: dataset, keyPrefix: configuration.keyPrefix, keys: keys, fence: fence, redis: client,
                clock: { Uptime.now }, cleared: cleared[dataset.redis], walk: walks[dataset.redis], meter: meter,
                signs: signs),
            term: term, pool: pool, logger: logger)
    }
}

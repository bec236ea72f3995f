package import BatonConfiguration
package import CacheRefresh
internal import DatasetReading
package import ElectionRuntime
internal import Formatting
internal import PostgresClient
internal import RedisClient
package import RefreshRuntime

extension RefreshWorld {
    /// Runs `body` while a loop refreshes `dataset`.
    ///
    /// - Parameter url: the URL of the database; nil for the world's.
    package func whileLooping(
        _ dataset: Dataset, connections: Int = 2, at url: String? = nil,
        gatePatience: Duration = GateWatch.patience, meter: DatasetMeter? = nil,
        _ body: (LogRecorder, LeadershipTerm) async throws -> Void
    ) async throws {
        try await whileLooping(
            dataset, connections: connections, at: url, gatePatience: gatePatience, meter: meter
        ) { log, term, _ in try await body(log, term) }
    }

    /// The same, with what wakes the loop.
    package func whileLooping(
        _ dataset: Dataset, connections: Int = 2, at url: String? = nil,
        gatePatience: Duration = GateWatch.patience, meter: DatasetMeter? = nil,
        _ body: (LogRecorder, LeadershipTerm, WakeUp) async throws -> Void
    ) async throws {
        let log = LogRecorder()
        let term = try await elect()
        let pool = PostgresPool(
            PostgresConfiguration(url: url ?? databaseURL, settings: PostgresSession.settings), limit: connections
        )
        var loop = DatasetLoop(
            pass: DatasetPass(
                dataset: dataset, keyPrefix: "", keys: keys,
                fence: try fence(of: term), redis: redis, clock: { Uptime.now }, meter: meter),
            term: term, pool: pool, logger: log.logger)
        loop.gatePatience = gatePatience
        let task = Task { [loop] in await loop.run() }
        do {
            try await body(log, term, loop.wakeUp)
        } catch {
            task.cancel()
            throw error
        }
        task.cancel()
        await task.value
        await pool.close()
    }

    /// Tables `t` and `u` with five rows each, for those to whom it is all the same.
    package static let twoTables = """
        create table t (id int primary key, v text); insert into t select n, 'row ' || n from generate_series(1, 5) n;
        create table u (id int primary key, v text); insert into u select n, 'row ' || n from generate_series(1, 5) n;
        """

    /// What a service is told that refreshes these datasets in this world.
    package func configuration(_ datasets: [Dataset], connections: Int = 2) throws -> Configuration {
        Configuration(
            group: "test",
            postgres: .init(url: databaseURL, connections: connections),
            redis: ["main": .init(url: try RedisURL(redisURL))], datasets: datasets)
    }
}

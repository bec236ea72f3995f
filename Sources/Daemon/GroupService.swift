internal import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import ElectionRuntime
internal import Formatting
internal import GroupState
internal import LeaderElection
internal import PostgresClient
internal import RedisClient
internal import RefreshRuntime
internal import ServiceLifecycle
internal import StatusServer
internal import Telemetry

/// Takes part in one group: in its election, and in its work when elected.
struct GroupService: Service {
    let group: Group
    let threads: Threads
    /// The datasets as each reload finds them.
    let reloads: AsyncStream<[Dataset]>

    func run() async throws {
        if let server = await identifyServer() {
            group.health.identifiedPostgres()
            await compete("\(server.deployment)/\(group.name)")
        }
        for client in group.redis.values { await client.close() }
    }

    /// - Parameter deployment: what fills the cache, as the lease names it.
    private func compete(_ deployment: String) async {
        let configuration = group.configuration
        let metrics = group.metrics.factory(for: group.name)
        let refresh = RefreshService(
            configuration: configuration, keys: group.keys, deployment: deployment, redis: group.redis,
            postgres: group.postgres, logger: group.logger(.refresh), metrics: metrics)
        let store = LeaseStore(
            redis: group.leaseWay, keys: group.keys, holder: group.replica, deployment: deployment,
            timing: configuration.lease.timing, detectsCrashes: configuration.lease.crashDetection == .connection,
            eventLoop: threads.leaseLoop, logger: group.logger(.redis))
        for (name, client) in group.redis {
            group.metrics.watch(name, of: group.name, purpose: "data") { client.isConnected }
        }
        group.metrics.watch(configuration.lease.redis, of: group.name, purpose: "lease") { store.isConnected }
        let election = ElectionService(
            group: group.name, store: store, replicaInfo: replicaInfo(), work: refresh,
            drain: configuration.shutdown.drain, eventLoop: threads.leaseLoop, logger: group.logger(.election),
            metrics: metrics,
            termBegan: { [group, threads] term in
                threads.watchdog.watch(term)
                group.metrics.watch(term, of: group.name)
            })
        group.health.joinedElection { election.status }
        let reloading = Task { for await datasets in reloads { refresh.replace(datasets: datasets) } }
        await election.run()
        reloading.cancel()
    }

    private func replicaInfo() -> ReplicaInfo {
        var random = SystemRandomNumberGenerator()
        return ReplicaInfo(
            id: "\(Token(using: &random))", name: group.replica, version: Formats.version,
            revision: group.configuration.revision, startedMilliseconds: WallClock.now.millisecondsSince1970)
    }

    /// Finds which database this replica reads: the lease names it, so that two databases never fill one cache.
    ///
    /// - Returns: nil when the replica is told to stop before it is known.
    private func identifyServer() async -> ServerIdentity? {
        await cancelWhenGracefulShutdown {
            await ServerIdentity.find(group.logger(.refresh)) {
                let connection = try await group.postgres.connect()
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

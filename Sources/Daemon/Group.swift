internal import BatonConfiguration
internal import DatasetReading
internal import GroupState
internal import Logging
internal import PostgresClient
internal import RedisClient
internal import RefreshRuntime
internal import StatusServer
internal import Telemetry

/// One group as a replica takes part in it: its name, the keys of its own, how its servers are reached, which datasets
/// it refreshes, and how the replica stands in it.
struct Group: Sendable {
    let name: String
    let keys: GroupKeys
    /// The configuration, with the datasets as they were at the start.
    let configuration: Configuration
    /// This replica's name.
    let replica: String
    let postgres: PostgresAccess
    /// How each Redis is reached, by its name in the configuration.
    let ways: [String: RedisConfiguration]
    /// A client for each of them, through which batches go.
    let redis: [String: RedisClient]
    /// The replica's part in the health of the process, for those who probe it.
    let health: GroupHealth
    let metrics: ReplicaMetrics
    private let logs: Logs

    init(
        _ configuration: Configuration, secrets: Secrets, replica: String, logs: Logs, threads: Threads,
        metrics: ReplicaMetrics
    ) {
        let keys = GroupKeys(prefix: configuration.keyPrefix, group: configuration.group)
        let ways = Self.ways(configuration, secrets)
        self.name = configuration.group
        self.keys = keys
        self.configuration = configuration
        self.replica = replica
        self.ways = ways
        self.logs = logs
        self.metrics = metrics
        health = GroupHealth(configuration.group)
        let redisLogger = Self.logger(.redis, logs, configuration.group)
        redis = ways.mapValues { way in
            RedisClient(way, eventLoop: threads.dataLoop, logger: redisLogger) { connection throws(RedisError) in
                try await RedisNature.admit(
                    connection, for: RedisTrial(keys: keys, holdsLease: false), timeout: way.commandTimeout)
            }
        }
        postgres = PostgresAccess(
            configuration.postgresConfiguration, secrets: secrets,
            logger: Self.logger(.refresh, logs, configuration.group))
    }

    /// A logger whose records bear the group's name.
    func logger(_ label: Configuration.Log.Label) -> Logger { Self.logger(label, logs, name) }

    private static func logger(_ label: Configuration.Log.Label, _ logs: Logs, _ group: String) -> Logger {
        var logger = logs[label]
        logger[.group] = "\(group)"
        return logger
    }

    /// How the Redis that holds the lease is reached for that alone.
    var leaseWay: RedisConfiguration {
        var way = ways[configuration.lease.redis]!
        way.clientName = "baton-lease"
        return way
    }

    /// How each Redis is reached, by its name. Where two reach one server, both learn what one is told.
    private static func ways(_ configuration: Configuration, _ secrets: Secrets) -> [String: RedisConfiguration] {
        let servers = RedisServers()
        var ways: [String: RedisConfiguration] = [:]
        for (name, redis) in configuration.redis {
            var way = redis.clientConfiguration(name: "baton")
            way.servers = servers
            way.credentials = { () throws(RedisError) in try secrets.redis(name) }
            ways[name] = way
        }
        return ways
    }
}

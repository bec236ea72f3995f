internal import Drills
public import LocalStack
internal import Logging
internal import NIOPosix
internal import RedisClient

/// A Redis that follows the group's, and may take its place.
public struct RedisReplica: Sendable {
    /// The server.
    public let server: LocalRedis
    /// Through which it follows.
    let link: FaultyLink
    let control: RedisClient

    /// Lets it hear nothing more of what the first one does, and tells nobody.
    public func fallBehind() { link.set(toClient: .held) }

    /// Sends it a command, and answers what it said as text.
    @discardableResult
    public func command(_ words: String...) async throws -> String {
        let reply = try await control.send(RedisCommand(words))
        return reply.string ?? "\(reply)"
    }

    func close() async {
        await link.close()
        await control.close()
        await server.close()
    }
}

extension Cluster {
    /// Starts a replica of Redis, and returns when it has all the data.
    public func startRedisReplica() async throws -> RedisReplica {
        try await command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        let link = try await FaultyLink.start(to: redis.port)
        var options = LocalRedis.Options()
        options.configuration = ["replicaof \(link.host) \(link.port)"]
        let server = try await LocalRedis.start(options)
        let replica = RedisReplica(server: server, link: link, control: try Self.control(of: server))
        keep(replica)
        try await eventually("the replica to have all the data") {
            try await replica.command("INFO", "replication").contains("master_link_status:up")
        }
        return replica
    }

    /// Kills Redis, makes a replica of it the new one, and leads everybody to that: what the replica lacks is lost.
    public func failOver(to replica: RedisReplica) async throws {
        recorder.note(.fault("failed over"))
        await killRedis()
        try await replica.command("REPLICAOF", "NO", "ONE")
        await replica.link.close()
        let epoch = try await replica.command("HGET", "{baton:default}:fence", "epoch")
        await replaceRedis(replica)
        try await recorder.reattach(to: redis, epoch: UInt64(epoch) ?? 0)
        for one in replicas {
            try one.link.retarget(to: redis.port)
            try await one.link.heal()
        }
    }

    static func control(of redis: LocalRedis) throws -> RedisClient {
        RedisClient(
            RedisConfiguration(
                url: try RedisURL(redis.unixURL), connectTimeout: .seconds(20), commandTimeout: .seconds(20),
                backoff: RedisBackoff(initial: .milliseconds(10), maximum: .milliseconds(50))),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "faults"))
    }
}

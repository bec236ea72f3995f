public import Drills
public import LocalStack
internal import RedisClient
internal import Synchronization

/// A real Redis, a real PostgreSQL and replicas as processes, with a network between them that can be broken, and a
/// record of all that happens.
public final class Cluster: Sendable {
    /// How a cluster is to be set up.
    public struct Options: Sendable {
        /// The path of the program `baton`.
        public var program: String
        /// The replicas' names.
        public var names = ["a", "b", "c"]
        /// Whether each replica has a network of its own; see ``Namespace/isPossible()``.
        public var inNamespaces = false
        /// Whether Redis keeps its data when it is killed.
        public var keepsData = false
        /// How many rows change at every tick, so that the leader always has something to write.
        public var busyRows = 500

        /// Three replicas in our own network, and a Redis that keeps nothing.
        ///
        /// - Parameter program: the built one, if not another.
        public init(program: String = ReplicaProcess.program) { self.program = program }
    }

    /// The server that holds the lease and the cache.
    public var redis: LocalRedis { servers.withLock { $0.redis } }
    /// The replicas in the order of their names in the options.
    public let replicas: [Replica]
    /// The recorder of the history.
    public let recorder: Recorder
    private let postgres: LocalPostgres
    private let database: String
    private let servers: Mutex<Servers>
    private let canary = Mutex(0)

    private struct Servers {
        var redis: LocalRedis
        /// Past all links.
        var control: RedisClient
        /// Started later.
        var redisReplicas: [RedisReplica] = []
    }

    private init(
        redis: LocalRedis, postgres: LocalPostgres, database: String, replicas: [Replica], recorder: Recorder,
        control: RedisClient
    ) {
        servers = Mutex(Servers(redis: redis, control: control))
        self.postgres = postgres
        self.database = database
        self.replicas = replicas
        self.recorder = recorder
    }

    /// Runs `body` on a cluster that works.
    ///
    /// - Throws: what `body` throws, with the verdict and the last lines of the logs.
    public static func with<Result>(
        _ options: Options, _ body: (Cluster) async throws -> Result
    ) async throws -> Result {
        let workspace = try await Workspace.create(prefix: "baton-faults")
        do {
            let cluster = try await start(options, in: workspace)
            do {
                for replica in cluster.replicas { try await replica.start() }
                try await cluster.settle()
                let result = try await body(cluster)
                await cluster.close()
                await workspace.close()
                return result
            } catch {
                let logs = cluster.lastLogLines(30).joined(separator: "\n")
                let report = Checker.check(cluster.recorder.history).report()
                await cluster.close()
                throw FaultError(description: "\(error)\n\(report)\n\(logs)")
            }
        } catch {
            await workspace.close()
            throw error
        }
    }

    private static func start(_ options: Options, in workspace: Workspace) async throws -> Cluster {
        let postgres = try await LocalPostgres.shared()
        let databaseURL = try await postgres.createDatabase()
        let database = databaseURL.split(separator: "/").last.map { String($0) } ?? ""
        try await postgres.run(
            sql: "create table canary (id int primary key, value text); insert into canary values (1, 'none')",
            database: database)
        var redisOptions = LocalRedis.Options()
        redisOptions.appendOnly = options.keepsData
        let redis = try await LocalRedis.start(redisOptions, in: workspace)
        let recorder = Recorder()
        try await recorder.attach(to: redis)
        let control = try control(of: redis)
        try datasets(options).write(to: "\(workspace.path)/datasets.yaml")
        var replicas: [Replica] = []
        for name in options.names {
            let namespace = options.inNamespaces ? try await Namespace.create() : nil
            let host = namespace?.hostAddress ?? "127.0.0.1"
            let link = try await FaultyLink.start(listeningOn: host, to: redis.port)
            var url = databaseURL
            var databaseLink: FaultyLink?
            if namespace != nil {
                let link = try await FaultyLink.start(listeningOn: host, to: postgres.port)
                url = postgres.url(database: database, host: host, port: link.port)
                databaseLink = link
            }
            let configuration = "\(workspace.path)/\(name).yaml"
            try """
            version: 1
            postgres: { url: "\(url)" }
            redis: { main: { url: "\(redis.url(host: host, port: link.port))" } }
            datasets: datasets.yaml

            """.write(to: configuration)
            replicas.append(
                Replica(
                    name: name, link: link, databaseLink: databaseLink, namespace: namespace, program: options.program,
                    configuration: configuration, recorder: recorder))
        }
        return Cluster(
            redis: redis, postgres: postgres, database: database, replicas: replicas, recorder: recorder,
            control: control)
    }

    private static func datasets(_ options: Options) -> String {
        """
        version: 1
        defaults: { every: 200ms }
        datasets:
          canary: { table: canary, key: "canary:{id}" }
          busy:
            query: >
              select i as id, random() as number, repeat('-', 200) as filler
              from generate_series(1, \(options.busyRows)) i
            identity: [id]
            key: "busy:{id}"

        """
    }

    private func close() async {
        await withTaskGroup(of: Void.self) { group in
            for replica in replicas { group.addTask { await replica.close() } }
        }
        await recorder.close()
        let servers = servers.withLock { $0 }
        await servers.control.close()
        await servers.redis.close()
        for replica in servers.redisReplicas { await replica.close() }
        _ = try? await postgres.run(sql: "drop database \(database) with (force)")
    }

    private func lastLogLines(_ count: Int) -> [String] {
        let lines = recorder.history.entries.compactMap { entry -> String? in
            switch entry.event {
            case .log(let replica, let line):
                "\(entry.at.inSeconds) \(replica): \(line.message) \(line.reason ?? line.error ?? "")"
            case .fault(let fault): "\(entry.at.inSeconds) FAULT \(fault)"
            case .ended(let replica, let how): "\(entry.at.inSeconds) \(replica) ended: \(how)"
            case .redis, .redisResumed, .started: nil
            }
        }
        return lines.suffix(count)
    }

    // MARK: What can be seen

    /// Sends Redis a command past all links, and answers what it said as text.
    ///
    /// - Throws: if Redis does not answer within 20 seconds, or refuses.
    @discardableResult
    public func command(_ words: String...) async throws -> String {
        let reply = try await servers.withLock { $0.control }.send(RedisCommand(words))
        return reply.string ?? "\(reply)"
    }

    /// The holder of the lease; nil if nobody has it, or Redis is away.
    public func leader() async -> Replica? {
        guard let lease = try? await command("GET", Self.leaseKey) else { return nil }
        return replicas.first { lease.contains("\"holder\":\"\($0.name)\"") }
    }

    /// Waits for a leader.
    ///
    /// - Throws: `TimedOut` if there is none within `limit`.
    /// - Parameter other: one who does not count.
    public func anyLeader(but other: Replica? = nil, within limit: Duration = .seconds(20)) async throws -> Replica {
        var found: Replica?
        try await eventually("a leader", within: limit) {
            found = await leader()
            return found != nil && found?.name != other?.name
        }
        guard let found else { throw FaultError(description: "no leader") }
        return found
    }

    /// Waits until there is a leader and a row that is changed now has arrived in the cache.
    ///
    /// - Throws: `TimedOut` if it has not within `limit`.
    public func settle(within limit: Duration = .seconds(25)) async throws {
        let value = canary.withLock { number in
            number += 1
            return "value \(number)"
        }
        try await postgres.run(sql: "update canary set value = '\(value)'", database: database)
        try await eventually("a change to be in the cache", within: limit) {
            let cached = try? await command("GET", "canary:1")
            guard cached?.contains("\"\(value)\"") == true else { return false }
            return await leader() != nil
        }
    }

    /// Waits until Redis has just accepted a batch.
    public func awaitWrites() async throws {
        let before = recorder.history.entries.count
        try await eventually("the leader to write", every: .milliseconds(1)) {
            recorder.history.entries[before...].contains {
                if case .redis(.write(let write)) = $0.event { write.outcome == .accepted } else { false }
            }
        }
    }

    /// Takes the lease away from its holder, and calls the others to elect another.
    public func depose(_ leader: Replica) async throws -> Replica {
        recorder.note(.fault("deposed \(leader.name)"))
        let token = Checker.check(recorder.history).terms.last?.token ?? ""
        try await command("DEL", Self.leaseKey)
        try await command("PUBLISH", "{baton:default}:released", token)
        return try await anyLeader(but: leader)
    }

    /// The verdict on all that happened until now.
    public func verdict() async throws -> Verdict {
        try await recorder.catchUp { try await command("ECHO", $0) }
        return Checker.check(recorder.history)
    }

    static let leaseKey = "{baton:default}:lease"

    // MARK: Redis' own life

    func keep(_ replica: RedisReplica) { servers.withLock { $0.redisReplicas.append(replica) } }

    /// Makes this one hold the lease and the cache from now on.
    func replaceRedis(_ replica: RedisReplica) async {
        let before = servers.withLock { servers in
            defer { (servers.redis, servers.control) = (replica.server, replica.control) }
            return servers
        }
        await before.control.close()
        await before.redis.close()
    }

    /// Kills Redis. Nobody else is to be heard when it is back before the recorder listens.
    func killRedis() async {
        await redis.kill()
        for replica in replicas { await replica.link.refuse() }
    }

    /// Starts Redis again on the same port, with its data if it keeps them.
    func reviveRedis() async throws {
        try await redis.restart()
        var epoch = ""
        try await eventually("Redis to answer") {
            guard let answer = try? await command("HGET", "{baton:default}:fence", "epoch") else { return false }
            epoch = answer
            return true
        }
        try await recorder.reattach(to: redis, epoch: UInt64(epoch) ?? 0)
        for replica in replicas { try await replica.link.heal() }
    }
}

internal import Glibc
internal import LocalStack
internal import Synchronization

/// A fault that a running group can be given.
public enum Fault: String, CaseIterable, Sendable {
    // To a process

    /// SIGKILL; started again afterwards.
    case killed
    /// SIGTERM; started again afterwards.
    case terminated
    /// SIGSTOP, and SIGCONT afterwards.
    case frozen

    // To its network

    /// Nothing passes, in either direction, and nobody is told.
    case cutOff = "cut-off"
    /// The same for all but the victim.
    case othersCutOff = "others-cut-off"
    /// Nothing passes from the victim to Redis.
    case cutOutward = "cut-outward"
    /// Nothing passes from Redis to the victim.
    case cutInward = "cut-inward"
    /// Connections stay open, but nothing is read or written; afterwards all of it arrives.
    case halfOpen = "half-open"
    /// Everything takes 300 ms longer, in each direction.
    case delayed
    /// A connection is reset in the middle of a reply.
    case tornReply = "torn-reply"
    /// All connections are reset once.
    case connectionsReset = "connections-reset"
    /// All connections are reset, and new ones refused.
    case connectionsRefused = "connections-refused"

    // To Redis

    /// SIGKILL, and a new start on the same port.
    case redisKilled = "redis-killed"
    /// SIGSTOP, and SIGCONT afterwards.
    case redisFrozen = "redis-frozen"
    /// `CLIENT PAUSE`.
    case redisPaused = "redis-paused"
    /// `CLIENT KILL` of each connection of each replica.
    case clientsKilled = "clients-killed"
    /// `SCRIPT FLUSH`.
    case scriptsFlushed = "scripts-flushed"
    /// `FLUSHALL`.
    case emptied
    /// The lease is deleted by hand.
    case leaseDeleted = "lease-deleted"
    /// The lease is overwritten by something that is none, for a while.
    case leaseReplaced = "lease-replaced"
    /// The lease is overwritten by one of somebody who does not exist, for a while.
    case leaseStolen = "lease-stolen"

    /// Whether the rest of the group can work while the fault lasts.
    public var sparesOthers: Bool {
        switch self {
        case .redisKilled, .redisFrozen, .redisPaused: false
        case .killed, .terminated, .frozen, .cutOff, .othersCutOff, .cutOutward, .cutInward, .halfOpen, .delayed,
            .tornReply,
            .connectionsReset, .connectionsRefused, .clientsKilled, .scriptsFlushed, .emptied, .leaseDeleted,
            .leaseReplaced, .leaseStolen:
            true
        }
    }
}

extension Cluster {
    /// Does what the fault says.
    ///
    /// - Parameters:
    ///   - victim: the replica that it happens to, or whose network or lease it concerns.
    ///   - length: how long Redis is paused, or a wrong lease stands: that ends by itself.
    /// - Returns: what undoes it.
    public func begin(
        _ fault: Fault, on victim: Replica, for length: Duration
    ) async throws -> (@Sendable () async throws -> Void) {
        recorder.note(.fault("\(fault.rawValue) \(victim.name)"))
        let others = replicas.filter { $0.name != victim.name }
        let milliseconds = "\(Int(length / .milliseconds(1)))"
        switch fault {
        case .killed, .terminated:
            try victim.signal(fault == .killed ? SIGKILL : SIGTERM)
            return {
                guard await victim.ended(within: .seconds(10)) != nil else {
                    throw FaultError(description: "\(victim.name) has not ended within 10 seconds")
                }
                try await victim.start()
            }
        case .frozen:
            try victim.signal(SIGSTOP)
            return { try victim.signal(SIGCONT) }
        case .cutOff: try await victim.cut(.both)
        case .othersCutOff:
            for other in others { try await other.cut(.both) }
            return { for other in others { try await other.heal() } }
        case .cutOutward: try await victim.cut(.outward)
        case .cutInward: try await victim.cut(.inward)
        case .halfOpen: victim.link.set(toServer: .held, toClient: .held)
        case .delayed: victim.link.set(toServer: .delayed(.milliseconds(300)), toClient: .delayed(.milliseconds(300)))
        case .tornReply: victim.link.cutReply(afterBytes: 100)
        case .connectionsReset: victim.link.resetAll()
        case .connectionsRefused:
            await victim.link.refuse()
            victim.link.resetAll()
        case .redisKilled:
            await killRedis()
            return { [self] in try await reviveRedis() }
        case .redisFrozen:
            try redis.signal(SIGSTOP)
            let redis = redis
            return { try redis.signal(SIGCONT) }
        case .redisPaused: try await command("CLIENT", "PAUSE", milliseconds, "ALL")
        case .clientsKilled: try await killClients()
        case .scriptsFlushed: try await command("SCRIPT", "FLUSH")
        case .emptied: try await command("FLUSHALL")
        case .leaseDeleted: try await command("DEL", Self.leaseKey)
        case .leaseReplaced: try await command("SET", Self.leaseKey, "by hand", "PX", milliseconds)
        case .leaseStolen:
            let lease = try await command("GET", Self.leaseKey)
            let stolen = Self.replaced("holder", in: Self.replaced("token", in: lease))
            try await command("SET", Self.leaseKey, stolen, "PX", milliseconds)
        }
        return { try await victim.heal() }
    }

    /// Does a fault for a while and undoes it.
    public func suffer(_ fault: Fault, on victim: Replica, for length: Duration) async throws {
        let undo = try await begin(fault, on: victim, for: length)
        try? await Task.sleep(for: length)
        try await undo()
    }

    private func killClients() async throws {
        for client in try await clients() { await kill(client: client) }
    }

    /// The ids of the replicas' connections to Redis; the recorder's and ours do not come over TCP.
    public func clients() async throws -> [String] {
        let lines = try await command("CLIENT", "LIST").split(separator: "\n")
        return lines.filter { $0.contains(" addr=127.0.0.1:") }
            .compactMap { $0.split(separator: " ").first.map { String($0.dropFirst("id=".count)) } }
    }

    /// Has Redis close a connection, if it is still there.
    public func kill(client: String) async {
        _ = try? await command("CLIENT", "KILL", "ID", client)
    }

    /// A lease whose field has another value.
    private static func replaced(_ field: String, in lease: String) -> String {
        let parts = lease.split(separator: "\"\(field)\":\"", maxSplits: 1)
        guard parts.count == 2, let end = parts[1].firstIndex(of: "\"") else { return lease }
        return "\(parts[0])\"\(field)\":\"stranger\(parts[1][end...])"
    }
}

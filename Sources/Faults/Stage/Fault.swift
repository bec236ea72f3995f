internal import Glibc
internal import LocalStack
internal import Synchronization

/// What can be done to a running group.
public enum Fault: String, CaseIterable, Sendable {
    // To a process
    case killed
    case terminated
    case frozen
    // To its network
    case cutOff = "cut-off"
    case othersCutOff = "others-cut-off"
    case cutOutward = "cut-outward"
    case cutInward = "cut-inward"
    case halfOpen = "half-open"
    case delayed
    case tornReply = "torn-reply"
    case connectionsReset = "connections-reset"
    case connectionsRefused = "connections-refused"
    // To Redis
    case redisKilled = "redis-killed"
    case redisFrozen = "redis-frozen"
    case redisPaused = "redis-paused"
    case clientsKilled = "clients-killed"
    case scriptsFlushed = "scripts-flushed"
    case emptied
    case leaseDeleted = "lease-deleted"
    case leaseReplaced = "lease-replaced"
    case leaseStolen = "lease-stolen"

    /// Whether the group can work while the fault lasts.
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

    /// Kills each connection that comes over TCP; the recorder's and ours do not.
    private func killClients() async throws {
        for line in try await command("CLIENT", "LIST").split(separator: "\n") where line.contains(" addr=127.0.0.1:") {
            let id = line.split(separator: " ")[0].dropFirst("id=".count)
            _ = try? await command("CLIENT", "KILL", "ID", String(id))
        }
    }

    /// A lease whose field has another value.
    private static func replaced(_ field: String, in lease: String) -> String {
        let parts = lease.split(separator: "\"\(field)\":\"", maxSplits: 1)
        guard parts.count == 2, let end = parts[1].firstIndex(of: "\"") else { return lease }
        return "\(parts[0])\"\(field)\":\"stranger\(parts[1][end...])"
    }
}

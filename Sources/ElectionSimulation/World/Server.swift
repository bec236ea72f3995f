import LeaderElection

/// Everything that a Redis keeps, with what the referee remembers of how it came about. Copied as a whole to snapshots
/// and replicas, so that each copy has the memory of its own, surviving history.
struct ServerData: Sendable {
    var redis: RedisModel
    /// The term elected last in this history.
    var newestElection: Lease?
    /// The lease's TTL is not what its holder knows of: since it was last prolonged the wall clock was set, it was
    /// changed by hand, or the data came from another server or an older state.
    var isLeaseDisturbed = false
}

/// One Redis server.
struct Server: Sendable {
    /// The role of a server in the replication of its data.
    enum Role: Sendable {
        /// Takes writes.
        case writable
        /// Follows another and refuses writes.
        case following
    }

    let name: String
    /// Its wall clock, in microseconds since 1970.
    var clock: VirtualClock
    var role: Role
    var isUp = true
    /// Requests that arrive before are carried out then.
    var stalledUntil: Microseconds = 0
    var data: ServerData
    /// The data that it would find after a crash, unless it kept everything.
    var snapshot: ServerData
    /// The data that it was sent by the server that it follows and has not applied; the oldest first.
    var replicationBacklog: [(due: Microseconds, data: ServerData)] = []

    init(name: String, clock: VirtualClock, role: Role, mutation: Mutation?) {
        self.name = name
        self.clock = clock
        self.role = role
        data = ServerData(redis: RedisModel(mutation: mutation))
        snapshot = data
    }

    var takesWrites: Bool { isUp && role == .writable }

    /// Whether this lease is there at this time.
    func holds(_ lease: Lease, at time: Microseconds) -> Bool {
        guard takesWrites, let key = data.redis.leaseKey, data.redis.lease == lease else { return false }
        return key.lastMillisecond.map { $0 >= clock.reading(at: time) / 1000 } ?? true
    }

    /// Applies what has come from the server that it follows by now.
    mutating func catchUp(at time: Microseconds) {
        let arrived = replicationBacklog.prefix { $0.due <= time }
        guard let last = arrived.last else { return }
        data = last.data
        replicationBacklog.removeFirst(arrived.count)
    }
}

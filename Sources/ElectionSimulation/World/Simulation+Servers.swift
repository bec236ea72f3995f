import LeaderElection

/// The servers: they carry out requests, replicate, lose data, take over from one another.
extension Simulation {
    /// - Returns: nil if the server answers with an error, such as that it takes no writes.
    mutating func serve(_ letter: Letter) -> RedisAnswer? {
        let server = letter.server
        guard servers[server].role == .writable else { return nil }
        runOut(server)
        let before = servers[server].data.redis.leaseKey
        let clock = servers[server].clock.reading(at: now)
        let answer = servers[server].data.redis.run(
            heard(letter.request), by: replicas[letter.replica].caller, clock: clock)
        judge(letter, answer, before: before, on: server)
        leaseKeyMayHaveChanged(from: before, on: server)
        if answer == .resigned { announceRelease() }
        replicate(from: server)
        if !isHealthy, chance.happens(0.03) { servers[server].snapshot = servers[server].data }
        return answer
    }

    /// A suspicion as the script finds it, when it comes to look.
    private func heard(_ request: RedisRequest) -> RedisRequest {
        guard case .acquire(let token, let floor, let suspicion?, let isHeard) = request else { return request }
        let isSilent = (silences[suspicion.term] ?? .min) > now
        return .acquire(
            token, floor: floor, suspect: Suspicion(term: suspicion.term, isSilent: isSilent), isHeard: isHeard)
    }

    private mutating func leaseKeyMayHaveChanged(from before: RedisModel.LeaseKey?, on server: Int) {
        let after = servers[server].data.redis.leaseKey
        guard after != before else { return }
        if case .lease(let lease)? = before?.value, before?.value != after?.value {
            // Only a leader that stayed silent is succeeded before its lease ends: that is the fault's doing.
            leaseEnded(lease, on: server, byFault: silences[lease.token] != nil && after != nil)
        }
        guard after != nil else { return }
        servers[server].data.isLeaseDisturbed = false
        awaitExpiry(on: server)
        recheckBeliefs()
    }

    /// A resignation wakes the followers that hear of it.
    private mutating func announceRelease() {
        for replica in replicas.indices where replicas[replica].elector != nil {
            guard isHealthy || !chance.happens(plan.lost) else { continue }
            let incarnation = replicas[replica].incarnation
            agenda.add(.wake(replica: replica, incarnation: incarnation), at: now + chance.number(in: 50...2000))
        }
    }

    // MARK: Expiry

    private mutating func awaitExpiry(on server: Int) {
        guard let last = servers[server].data.redis.leaseKey?.lastMillisecond else { return }
        let time = servers[server].clock.time(showing: (last + 1) * 1000)
        agenda.add(.leaseRunsOut(server: server), at: max(now, time))
    }

    /// Removes the lease if its time has come.
    mutating func runOut(_ server: Int) {
        guard servers[server].takesWrites, let key = servers[server].data.redis.leaseKey else { return }
        servers[server].data.redis.expire(atMilliseconds: servers[server].clock.reading(at: now) / 1000)
        guard servers[server].data.redis.leaseKey == nil else { return }
        noteServer(server, "the lease has run out")
        if case .lease(let lease) = key.value { leaseEnded(lease, on: server, byFault: false) }
        replicate(from: server)
    }

    // MARK: Changes by hand

    mutating func change(_ server: Int, _ change: (inout ServerData) -> Void) {
        runOut(server)
        let before = servers[server].data.redis.leaseKey
        change(&servers[server].data)
        let after = servers[server].data.redis.leaseKey
        if before != after {
            servers[server].data.isLeaseDisturbed = true
            if case .lease(let lease)? = before?.value, before?.value != after?.value {
                leaseEnded(lease, on: server, byFault: true)
            }
            awaitExpiry(on: server)
        }
        replicate(from: server)
    }

    mutating func step(_ server: Int, by distance: Microseconds) {
        noteServer(server, "has its wall clock set by \(Trace.seconds(distance))")
        servers[server].clock.jump(by: distance)
        servers[server].data.isLeaseDisturbed = true
        runOut(server)
        awaitExpiry(on: server)
    }

    // MARK: Replication and failover

    private mutating func replicate(from server: Int) {
        guard server < Simulation.otherServer, plan.replicates else { return }
        let follower = 1 - server
        guard servers[follower].role == .following, servers[follower].isUp else { return }
        servers[follower].catchUp(at: now)
        let earliest = servers[follower].replicationBacklog.last?.due ?? now
        let due = max(earliest, now + chance.number(in: 0...plan.replicationLag))
        servers[follower].replicationBacklog.append((due, servers[server].data))
    }

    /// Promotes the follower, with what it has by now. The old one is gone, or goes on for those who still reach it.
    mutating func failOver() {
        let (old, new) = (home, 1 - home)
        guard servers[new].isUp, servers[new].role == .following else { return }
        tally.failovers += 1
        servers[new].catchUp(at: now)
        servers[new].replicationBacklog = []
        servers[new].role = .writable
        servers[new].data.isLeaseDisturbed = true
        home = new
        let redis = servers[new].data.redis
        noteServer(new, "is promoted: \(redis.summary)")
        awaitExpiry(on: new)
        runOut(new)
        if chance.happens(0.5) { stop(old) }
        agenda.add(.serverFollows(server: old), at: within(.seconds(4)))
        for replica in replicas.indices {
            for isLease in [true, false] {
                agenda.add(.reconnect(replica: replica, isLease: isLease), at: within(.seconds(2)))
            }
        }
        recheckBeliefs()
    }

    /// The server that was replaced gives up its own history for its successor's.
    mutating func follow(_ server: Int) {
        guard server != home else { return }
        let successor = servers[home].name
        noteServer(server, "follows \(successor)")
        let lost = servers[server].data.redis.lease
        servers[server].role = .following
        servers[server].isUp = true
        servers[server].data = servers[home].data
        servers[server].replicationBacklog = []
        if let lost { leaseEnded(lost, on: server, byFault: true) }
    }

    // MARK: Restarts

    mutating func stop(_ server: Int) {
        noteServer(server, "is down")
        servers[server].isUp = false
        if let lease = servers[server].data.redis.lease { leaseEnded(lease, on: server, byFault: true) }
    }

    /// How much a server has after its restart.
    enum Remembered: CaseIterable { case everything, snapshot, nothing }

    mutating func restart(_ server: Int, _ remembered: Remembered) {
        stop(server)
        switch remembered {
        case .everything: break
        case .snapshot: servers[server].data = servers[server].snapshot
        case .nothing: servers[server].data = ServerData(redis: RedisModel(mutation: mutation))
        }
        if remembered != .everything {
            tally.dataLosses += 1
            servers[server].data.isLeaseDisturbed = true
        }
        agenda.add(.serverStarts(server: server), at: within(.seconds(3)))
    }

    mutating func start(_ server: Int) {
        guard !servers[server].isUp, servers[server].role == .writable else { return }
        servers[server].isUp = true
        let redis = servers[server].data.redis
        noteServer(server, "is up: \(redis.summary)")
        awaitExpiry(on: server)
        runOut(server)
        replicate(from: server)
        recheckBeliefs()
    }
}

extension RedisModel {
    /// Lease and fence in few words, for the trace.
    var summary: String {
        let lease = lease.map { "lease of epoch \($0.epoch)" } ?? (leaseKey == nil ? "no lease" : "not a lease")
        let fence = fence.epoch.map { "fence of epoch \($0), \(self.fence.sequence ?? -1)" } ?? "no fence"
        return "\(lease), \(fence)"
    }
}

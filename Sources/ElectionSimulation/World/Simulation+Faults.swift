import LeaderElection

/// The faults that the plan allows, and how they end. All are over when the plan says so.
extension Simulation {
    mutating func nextFault() {
        guard !isHealthy else { return }
        commit(plan.faults[chance.index(below: plan.faults.count)])
        agenda.add(.fault, at: now + chance.number(in: plan.interval / 4...plan.interval * 2))
    }

    private mutating func commit(_ fault: Fault) {
        tally.faults += 1
        let replica = chance.index(below: replicas.count)
        let server = chance.happens(0.3) ? Simulation.otherServer : home
        switch fault {
        case .pause: pauseSomebody(replica)
        case .crash:
            note(replica, "is killed")
            if let lease = replicas[replica].belief?.lease { fallSilent(lease.token, for: .seconds(60)) }
            exit(replica, replicas[replica].incarnation)
        case .shutdown:
            note(replica, "is told to shut down")
            if !replicas[replica].hasStopped { tell(replica) { $0?.shutdown(at: $1) } }
        case .replicaClockJump: jumpClock(of: replica, by: chance.number(in: 1000...4_000_000))
        case .cut: cut(chance.happens(0.5) ? leader ?? replica : replica)
        case .serverRestart:
            guard servers[server].takesWrites else { return }
            restart(server, Remembered.allCases[chance.index(below: 3)])
        case .serverStall:
            let end = within(.seconds(4))
            servers[server].stalledUntil = end
            noteServer(server, "stands still until \(Trace.seconds(end))")
        case .failover: failOver()
        case .wallClockStep:
            step(chance.index(below: servers.count), by: chance.number(in: -6_000_000...6_000_000))
        case .leaseDeleted: deleteLease()
        case .leaseOverwritten: overwriteLease()
        case .leaseWithoutTTL: persistLease()
        case .fenceDeleted: spoilFence(on: server)
        case .wakeUp: agenda.add(.wake(replica: replica, incarnation: replicas[replica].incarnation), at: now)
        case .silence:
            guard let lease = servers[home].data.redis.lease else { return }
            noteServer(home, "nobody is heard on the channel of epoch \(lease.epoch)")
            fallSilent(lease.token, for: chance.number(in: 1000...400_000))
        case .workReturns:
            guard let leader, let work = replicas[leader].works.last, !work.isEnding else { return }
            note(leader, "sees its work return")
            endWork(leader, work.serial)
        }
    }

    /// The leader's subscription is lost, with its process or alone; those that follow look every 50 ms.
    private mutating func fallSilent(_ term: Token, for length: Microseconds) {
        silences[term] = max(silences[term] ?? 0, now + length)
        for replica in replicas.indices {
            let incarnation = replicas[replica].incarnation
            for look in 0...2 {
                let time = now + .milliseconds(50 * Int64(look)) + chance.number(in: 0...50_000)
                agenda.add(.suspicion(replica: replica, incarnation: incarnation), at: time)
            }
        }
    }

    /// A replica that believes to lead.
    private var leader: Int? { replicas.indices.first { replicas[$0].believes(at: now) } }

    private mutating func pauseSomebody(_ replica: Int) {
        let victim = chance.happens(0.5) ? leader ?? replica : replica
        let isShort = chance.happens(0.3)
        pause(victim, for: chance.number(in: isShort ? 1000...200_000 : 200_000...7_000_000))
    }

    /// Separates a replica from all servers, in one direction or both.
    private mutating func cut(_ replica: Int) {
        let direction = chance.index(below: 3)
        let end = within(.seconds(6))
        if direction != 1 { replicas[replica].requestsCutUntil = end }
        if direction != 0 { replicas[replica].answersCutUntil = end }
        note(replica, "is cut off (\(["requests", "answers", "both"][direction])) until \(Trace.seconds(end))")
    }

    private mutating func deleteLease() {
        guard servers[home].takesWrites else { return }
        noteServer(home, "the lease is deleted by hand")
        change(home) { $0.redis.leaseKey = nil }
    }

    private mutating func persistLease() {
        guard servers[home].takesWrites else { return }
        noteServer(home, "the lease's TTL is taken away by hand")
        change(home) { $0.redis.leaseKey?.lastMillisecond = nil }
    }

    private mutating func overwriteLease() {
        let clock = servers[home].clock.reading(at: now)
        guard servers[home].takesWrites, let epoch = Epoch(clock) else { return }
        let lease = Lease(
            text: "by hand \(epoch)", epoch: epoch, token: Token(using: &chance), holder: "somebody",
            sinceMilliseconds: clock / 1000)
        let last = clock / 1000 + chance.number(in: 100...4000)
        let isLease = chance.happens(0.7)
        noteServer(home, "the lease is overwritten by hand, with \(isLease ? "another" : "garbage")")
        let value = isLease ? RedisModel.LeaseValue.lease(lease) : .garbage
        change(home) { $0.redis.leaseKey = RedisModel.LeaseKey(value, lastMillisecond: last) }
    }

    /// The fence is evicted, or loses a field.
    private mutating func spoilFence(on server: Int) {
        guard servers[server].takesWrites, case .hash(var fence)? = servers[server].data.redis.fenceKey else { return }
        let isWhole = chance.happens(0.6)
        noteServer(server, isWhole ? "loses the fence" : "loses the fence's sequence")
        fence.sequence = nil
        change(server) {
            $0.redis.fenceKey = isWhole ? nil : .hash(fence)
            // With the fence goes what it knew of elections.
            if isWhole { $0.newestElection = nil }
        }
    }

    // MARK: The end of the faults

    mutating func endFaults() {
        isHealthy = true
        trace.note(now, "plan", "faults have ended")
        for server in servers.indices where !servers[server].isUp {
            if servers[server].role == .writable, server == home || server == Simulation.otherServer { start(server) }
        }
        if servers[1 - home].role == .writable { follow(1 - home) }
        for replica in replicas.indices { boot(replica) }
        if servers[home].data.redis.leaseKey != nil, servers[home].data.redis.leaseKey?.lastMillisecond == nil {
            noteServer(home, "is repaired: the lease without TTL is deleted")
            change(home) { $0.redis.leaseKey = nil }
        }
        beginElectionWatch()
    }
}

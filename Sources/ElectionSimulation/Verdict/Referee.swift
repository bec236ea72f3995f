import LeaderElection

/// The referee's notes: what is needed to tell whether the promises hold, beyond what replicas and servers know.
struct Referee: Sendable {
    struct Ending: Sendable {
        let lease: Lease
        let time: Microseconds
        let byFault: Bool
    }

    /// The first one; the schedule ends with it.
    var violation: Violation?
    /// When leases ended, each where it stood last.
    var endings: [Ending] = []
    /// The highest epoch ever issued, in whatever history.
    var highestIssued: (epoch: Epoch, time: Microseconds)?
    /// The lease of whoever leads after the faults, and is accepted everywhere.
    var elected: Lease?
    /// The time from which on the time until somebody leads counts: an old lease has run out by then.
    var watchBegan: Microseconds = 0
}

extension Simulation {
    mutating func complain(_ rule: Violation.Rule, _ what: String) {
        guard referee.violation == nil else { return }
        referee.violation = Violation(rule: rule, what: what, time: .microseconds(now))
    }

    // MARK: At Redis

    /// Judges a request that was carried out.
    ///
    /// - Parameter before: what stood where the lease should be.
    mutating func judge(
        _ letter: Letter, _ answer: RedisAnswer, before: RedisModel.LeaseKey?, on server: Int
    ) {
        switch (letter.request, answer) {
        case (.acquire, .acquired(let lease)):
            // The lease of an earlier attempt, found again, is no election; but the fence may have been raised anew.
            if before?.value == .lease(lease) { return judgeFence(of: lease, on: server) }
            if before != nil { tally.silentLeadersSucceeded += 1 }
            noteServer(server, "elects \(lease.holder), epoch \(lease.epoch)")
            judgeElection(of: lease, on: server)
        case (.raise(let lease, _), .synced):
            guard lease != servers[server].data.newestElection else { break }
            noteServer(server, "knows of epoch \(lease.epoch)")
            judgeOrder(of: lease, on: server)
            servers[server].data.newestElection = lease
        case (.sync(let lease, _), .synced):
            judgeFence(of: lease, on: server)
        case (.write(let lease, _, let next), .written):
            tally.acceptedBatches += 1
            judgeWrite(of: lease, next, on: server)
        case (.write(let lease, _, _), .fenced):
            tally.staleBatchesRefused += 1
            noteServer(server, "refuses a batch of epoch \(lease.epoch)")
        case (.write, .gap):
            tally.gaps += 1
        case (.acquire, _), (.renew, _), (.resign, _), (.sync, _), (.raise, _), (.write, _):
            break
        }
    }

    private mutating func judgeElection(of lease: Lease, on server: Int) {
        judgeOrder(of: lease, on: server)
        if plan.wallClocksAgree, let highest = referee.highestIssued, lease.epoch <= highest.epoch, now > highest.time {
            complain(.epochsGrow, "epoch \(lease.epoch) is issued after \(highest.epoch)")
        }
        if lease.epoch > referee.highestIssued?.epoch ?? .zero { referee.highestIssued = (lease.epoch, now) }
        servers[server].data.newestElection = lease
    }

    private mutating func judgeOrder(of lease: Lease, on server: Int) {
        guard let newest = servers[server].data.newestElection, lease.epoch <= newest.epoch else { return }
        complain(.epochsGrow, "\(servers[server].name) elects epoch \(lease.epoch) after \(newest.epoch)")
    }

    /// A fence that was lost is raised by whoever holds the lease.
    private mutating func judgeFence(of lease: Lease, on server: Int) {
        guard let newest = servers[server].data.newestElection else {
            servers[server].data.newestElection = lease
            return
        }
        guard newest != lease else { return }
        complain(.noStaleWrite, "\(servers[server].name)'s fence is raised for \(lease.epoch) after \(newest.epoch)")
    }

    private mutating func judgeWrite(of lease: Lease, _ sequence: Int64, on server: Int) {
        let newest = servers[server].data.newestElection
        guard newest != lease else { return }
        complain(
            .noStaleWrite,
            "\(servers[server].name) accepts batch \(sequence) of epoch \(lease.epoch) "
                + (newest.map { "after the election of \($0.epoch)" } ?? "without an election"))
    }

    // MARK: Belief

    private func stands(_ lease: Lease) -> Bool {
        (0..<Simulation.otherServer).contains { servers[$0].holds(lease, at: now) }
    }

    /// A lease is no longer in this server.
    mutating func leaseEnded(_ lease: Lease, on server: Int, byFault: Bool) {
        guard !stands(lease) else { return }
        // A server that was replaced does not hear of renewals at its successor.
        let isExcused = byFault || servers[server].data.isLeaseDisturbed || server != home
        referee.endings.append(Referee.Ending(lease: lease, time: now, byFault: isExcused))
        for replica in replicas.indices where replicas[replica].belief?.lease == lease {
            replicas[replica].belief?.leaseEndedAt = now
            guard !isExcused, replicas[replica].believes(at: now) else { continue }
            complain(
                .leaseOutlivesBelief,
                "\(replicas[replica].name) believes to lead epoch \(lease.epoch) when its lease ends in Redis")
        }
    }

    /// Looks at the replicas' beliefs again, after leases may have come back.
    mutating func recheckBeliefs() {
        for replica in replicas.indices {
            guard let belief = replicas[replica].belief, belief.leaseEndedAt != nil else { continue }
            if stands(belief.lease) { replicas[replica].belief?.leaseEndedAt = nil }
        }
    }

    mutating func checkBeginning(of term: Term, by replica: Int) {
        // It may have been told of this very one by a late answer to an older request.
        if term.epoch < replicas[replica].highestEpochSeen {
            complain(
                .epochsGrow, "\(replicas[replica].name) begins epoch \(term.epoch) though it was told of a higher one")
        }
        replicas[replica].highestEpochSeen = max(replicas[replica].highestEpochSeen, term.epoch)
    }

    /// Checks at the beginning of a term that its lease stands: it may have ended while the answer was on its way.
    mutating func checkLeaseStands(for replica: Int) {
        guard let belief = replicas[replica].belief, !stands(belief.lease) else { return }
        guard let ending = referee.endings.last(where: { $0.lease == belief.lease }) else { return }
        replicas[replica].belief?.leaseEndedAt = ending.time
        if !ending.byFault, replicas[replica].believes(at: now) {
            complain(
                .leaseOutlivesBelief,
                "\(replicas[replica].name) begins epoch \(belief.lease.epoch) after its lease has ended in Redis")
        }
    }

    /// Checks, before an event is handled, that it comes in time.
    mutating func checkTimeliness(_ replica: Int) {
        guard let term = replicas[replica].elector?.term else { return }
        let deadline = Microseconds(roundingUp: term.deadline.sinceOrigin) + replicas[replica].heldBack
        if reading(replica) > deadline + Simulation.schedulingLatency, deadline > replicas[replica].hinderedUntil {
            complain(.endsAtDeadline, "\(replicas[replica].name) has not noticed that epoch \(term.epoch) is over")
        }
        guard let ended = replicas[replica].belief?.leaseEndedAt, replicas[replica].believes(at: now) else { return }
        if now - ended > Microseconds(roundingUp: timing.ttl) {
            complain(
                .leaseOutlivesBelief,
                "\(replicas[replica].name) still believes to lead epoch \(term.epoch), whose lease ended at "
                    + Trace.seconds(ended))
        }
    }

    /// Checks, after an event was handled, that nobody leads past its deadline.
    mutating func checkDeadline(_ replica: Int) {
        guard let term = replicas[replica].elector?.term else {
            if replicas[replica].belief != nil {
                complain(.endsAtDeadline, "\(replicas[replica].name) believes to lead though its elector does not")
            }
            return
        }
        let shown = reading(replica) - replicas[replica].heldBack
        if Microseconds(roundingUp: term.deadline.sinceOrigin) <= shown {
            complain(.endsAtDeadline, "\(replicas[replica].name) leads epoch \(term.epoch) past its deadline")
        }
    }

    mutating func checkNoWorkGoesOn(_ replica: Int) {
        guard let work = replicas[replica].works.first else { return }
        complain(
            .oneWorkAtATime,
            "\(replicas[replica].name) asks for the lease while the work of epoch \(work.lease.epoch) goes on")
    }

    // MARK: Recovery

    /// The longest time without a leader whose batches are accepted, once faults have ended and the lease that they
    /// left behind has run out.
    private var electionBound: Microseconds { Microseconds(roundingUp: timing.ttl) * 2 }

    mutating func beginElectionWatch() {
        referee.watchBegan = now
        if let last = servers[home].data.redis.leaseKey?.lastMillisecond {
            referee.watchBegan = max(now, servers[home].clock.time(showing: (last + 1) * 1000))
        }
        agenda.add(.electionOverdue, at: referee.watchBegan + electionBound)
    }

    mutating func noLeaderInTime() {
        guard referee.elected == nil else { return }
        complain(.healthySystemElects, "nobody leads whose batches are accepted")
    }

    /// Checks, after a batch was acknowledged, whether its leader is accepted everywhere.
    mutating func checkElected(_ replica: Int, _ index: Int) {
        guard isHealthy, referee.elected == nil, replicas[replica].believes(at: now) else { return }
        let work = replicas[replica].works[index]
        // What the faults had held back has come by then.
        let settled = plan.end + Simulation.deliveryOfOldLetters
        guard work.home.acknowledgedAt >= settled, work.other.acknowledgedAt >= settled,
            replicas[replica].belief?.grantedAt ?? .min >= plan.end,
            servers[home].holds(work.lease, at: now), !servers[home].data.isLeaseDisturbed
        else { return }
        note(replica, "leads, and all is well")
        referee.elected = work.lease
        tally.longestElection = .microseconds(max(0, now - referee.watchBegan))
        agenda.add(.finish, at: now + .milliseconds(2500))
    }

    /// When a term ends.
    mutating func checkStaysElected(_ replica: Int, _ term: Term, _ reason: EndReason) {
        guard isHealthy, referee.elected == term.lease else { return }
        complain(.healthySystemElects, "\(replicas[replica].name) stops leading though all is well: \(reason)")
    }
}

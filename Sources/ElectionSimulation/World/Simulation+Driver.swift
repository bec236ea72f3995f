import LeaderElection

/// What drives an elector: shows it the events with the time, performs what it decides. After the daemon's driver.
extension Simulation {
    /// Shows the elector of a running process an event.
    mutating func tell(_ replica: Int, _ event: (inout Elector<Chance>?, Moment) -> [ElectionAction]?) {
        checkTimeliness(replica)
        let shown = reading(replica) - replicas[replica].heldBack
        guard let actions = event(&replicas[replica].elector, Moment(sinceOrigin: .microseconds(shown))) else { return }
        for action in actions { perform(action, by: replica) }
        checkDeadline(replica)
    }

    private mutating func perform(_ action: ElectionAction, by replica: Int) {
        switch action {
        case .acquire(let token, let floor, let suspect):
            checkNoWorkGoesOn(replica)
            let suspicion = suspect.map { Suspicion(term: $0, isSilent: false) }
            send(.acquire(token, floor: floor, suspect: suspicion), by: replica)
        case .renew(let lease):
            // The subscription is lost now and then.
            send(.renew(lease, isHeard: isHealthy || !chance.happens(0.05)), by: replica)
        case .resign(let lease, let reason):
            note(replica, "gives the lease of epoch \(lease.epoch) back: \(reason)")
            send(.resign(lease), by: replica)
        case .startLeading(let term):
            begin(term, by: replica)
        case .termExtended(let until):
            let deadline = deadline(until, of: replica)
            replicas[replica].belief?.deadline = deadline
        case .stopLeading(let term, let reason):
            note(replica, "stops leading epoch \(term.epoch): \(reason)")
            replicas[replica].belief = nil
            checkStaysElected(replica, term, reason)
            cancelWork(of: term, by: replica)
        case .waitUntil(let moment):
            replicas[replica].timer = newSerial()
            replicas[replica].timerDue = Microseconds(roundingUp: moment.sinceOrigin)
            setTimer(replica)
        case .stopped:
            replicas[replica].hasStopped = true
            exitIfDone(replica)
            // The work is waited for as long as this.
            agenda.add(.exit(replica: replica, incarnation: replicas[replica].incarnation), at: now + .seconds(4))
        }
    }

    private mutating func begin(_ term: Term, by replica: Int) {
        note(replica, "leads epoch \(term.epoch)")
        tally.elections += 1
        checkBeginning(of: term, by: replica)
        replicas[replica].belief = Replica.Belief(
            lease: term.lease, deadline: deadline(term.deadline, of: replica), grantedAt: now)
        checkLeaseStands(for: replica)
        let work = Work(serial: newSerial(), lease: term.lease)
        replicas[replica].works.append(work)
        agenda.add(.work(replica: replica, serial: work.serial), at: now + chance.number(in: 0...5000))
    }

    private func deadline(_ moment: Moment, of replica: Int) -> Microseconds {
        Microseconds(roundingUp: moment.sinceOrigin) + replicas[replica].heldBack
    }

    // MARK: Timers

    mutating func setTimer(_ replica: Int) {
        let due = replicas[replica].timerDue + replicas[replica].heldBack
        var time = max(now, replicas[replica].clock.time(showing: due)) + chance.number(in: 0...1000)
        if mutation == .lateTimers { time += .milliseconds(250) }
        agenda.add(.timer(replica: replica, number: replicas[replica].timer), at: time)
    }

    mutating func timerFires(_ replica: Int, _ number: Int) {
        guard replicas[replica].timer == number, !isPaused(replica, .timer(replica: replica, number: number)) else {
            return
        }
        replicas[replica].timer = 0
        tell(replica) { $0?.timerFired(at: $1) }
    }

    mutating func wake(_ replica: Int, _ incarnation: Int) {
        guard replicas[replica].incarnation == incarnation,
            !isPaused(replica, .wake(replica: replica, incarnation: incarnation))
        else { return }
        switch replicas[replica].elector?.state {
        case .follower, .candidate: tell(replica) { $0?.woken(at: $1) }
        case .leader, .resigning, .stopped, nil: break
        }
    }

    /// A replica that follows sees nobody listen to the leader's channel.
    mutating func suspectLeader(_ replica: Int, _ incarnation: Int) {
        guard replicas[replica].incarnation == incarnation,
            !isPaused(replica, .suspicion(replica: replica, incarnation: incarnation)),
            let leader = servers[home].data.redis.lease, replicas[replica].elector?.state == .follower
        else { return }
        tell(replica) { $0?.leaderSilent(leader.token, at: $1) }
    }

    // MARK: Answers about the lease

    /// - Parameter answer: nil if there is none.
    mutating func leaseAnswered(_ letter: Letter, _ answer: RedisAnswer?) {
        let replica = letter.replica
        see(answer, to: letter)
        switch letter.request {
        case .acquire:
            let outcome = acquireAnswer(answer)
            if case .acquired = outcome { holdClockBack(replica, letter) }
            tell(replica) { $0?.acquireAnswered(outcome, at: $1) }
        case .renew(let lease, _):
            let outcome = renewAnswer(answer)
            if outcome == .failed { note(replica, "has no answer to a renewal of epoch \(lease.epoch)") }
            if outcome == .renewed { holdClockBack(replica, letter) }
            tell(replica) { $0?.renewAnswered(outcome, token: lease.token, at: $1) }
            guard outcome == .renewed else { break }
            replicas[replica].belief?.grantedAt = letter.writtenAt
            leaseConfirmed(replica, askedAt: letter.askedAt)
        case .resign(let lease):
            let outcome: ResignAnswer = answer == .resigned || answer == .notOurs ? .done : .failed
            tell(replica) { $0?.resignAnswered(outcome, token: lease.token, at: $1) }
        case .sync, .raise, .write:
            break
        }
    }

    private func acquireAnswer(_ answer: RedisAnswer?) -> AcquireAnswer {
        switch answer {
        case .acquired(let lease): .acquired(lease)
        case .taken(let lease, let left): .taken(lease, remaining: .milliseconds(left))
        case .suspected(let lease, let wait): .suspected(lease, grace: .milliseconds(wait))
        case nil, .renewed, .gone, .resigned, .notOurs, .synced, .late, .fenced, .gap, .written, .refused, .failed:
            .failed
        }
    }

    private func renewAnswer(_ answer: RedisAnswer?) -> RenewAnswer {
        switch answer {
        case .renewed: .renewed
        case .taken(let lease, let left): .taken(lease, remaining: .milliseconds(left))
        case .gone, .refused: .gone
        case nil, .acquired, .suspected, .resigned, .notOurs, .synced, .late, .fenced, .gap, .written, .failed: .failed
        }
    }

    /// Remembers what the replica is told.
    private mutating func see(_ answer: RedisAnswer?, to letter: Letter) {
        let lease: Lease
        switch answer {
        case .taken(let other, _)?, .suspected(let other, _)?: lease = other
        default: return
        }
        replicas[letter.replica].highestEpochSeen = max(replicas[letter.replica].highestEpochSeen, lease.epoch)
    }

    /// The elector is shown that the answer comes when the request was sent.
    private mutating func holdClockBack(_ replica: Int, _ letter: Letter) {
        guard mutation == .deadlineFromReply else { return }
        replicas[replica].heldBack += reading(replica) - letter.askedAt
    }
}

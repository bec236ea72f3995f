import LeaderElection

/// The work of a term. It looks at the term before it sends, but may be paused between that look and the sending, and
/// what it has sent may still be on its way when the term is long over.
extension Simulation {
    /// More in flight would only wait inside Redis.
    private static let depth = 4

    mutating func proceedWithWork(_ replica: Int, _ serial: Int) {
        guard let index = workIndex(replica, serial), !replicas[replica].works[index].isEnding else { return }
        guard !isPaused(replica, .work(replica: replica, serial: serial)) else { return }
        guard isLive(replica, index) else { return cancelWork(replica, index) }
        for target in Target.allCases { advance(target, replica, serial) }
        agenda.add(.work(replica: replica, serial: serial), at: now + chance.number(in: 40_000...350_000))
    }

    private mutating func advance(_ target: Target, _ replica: Int, _ serial: Int) {
        // Refusals change the state of the elector, and with that the list of works.
        guard let index = workIndex(replica, serial), isLive(replica, index) else { return }
        let work = replicas[replica].works[index]
        switch (work[target].state, target) {
        case (.broken, .home):
            mend(.home, replica, index)
        case (.broken, .other):
            // Where the lease is not at hand, it is asked about first.
            replicas[replica].works[index].other.state = .confirming(since: reading(replica))
            tell(replica) { $0?.renewalWanted(token: work.lease.token, at: $1) }
        case (.open, _):
            for _ in 0..<min(Simulation.depth - work[target].inFlight, Int(chance.number(in: 1...2))) {
                sendBatch(target, replica, index)
            }
        case (.confirming, _), (.mending, _):
            break
        }
    }

    private mutating func sendBatch(_ target: Target, _ replica: Int, _ index: Int) {
        var chain = replicas[replica].works[index][target]
        let previous = chain.lastSent
        chain.lastSent += 1
        chain.inFlight += 1
        replicas[replica].works[index][target] = chain
        let lease = replicas[replica].works[index].lease
        send(.write(lease, previous: previous, next: chain.lastSent), of: chain, by: replica)
    }

    /// Sets the fence past everything ever sent.
    private mutating func mend(_ target: Target, _ replica: Int, _ index: Int) {
        var chain = replicas[replica].works[index][target]
        chain.lastSent += 1
        chain.state = .mending
        chain.number += 1
        chain.inFlight = 0
        replicas[replica].works[index][target] = chain
        let lease = replicas[replica].works[index].lease
        switch target {
        case .home: send(.sync(lease, next: chain.lastSent), of: chain, by: replica)
        case .other: send(.raise(lease, next: chain.lastSent), of: chain, by: replica)
        }
    }

    /// A renewal that was asked for at this time, by the replica's clock, has succeeded.
    mutating func leaseConfirmed(_ replica: Int, askedAt: Microseconds) {
        for index in replicas[replica].works.indices where isLive(replica, index) {
            if case .confirming(let since) = replicas[replica].works[index].other.state, since <= askedAt {
                mend(.other, replica, index)
            }
        }
    }

    // MARK: Answers

    /// - Parameter answer: nil if there is none.
    mutating func workAnswered(_ letter: Letter, _ answer: RedisAnswer?) {
        guard let lease = letter.request.lease else { return }
        let (replica, target) = (letter.replica, letter.server == Simulation.otherServer ? Target.other : .home)
        guard let index = replicas[replica].works.firstIndex(where: { $0.lease == lease }),
            replicas[replica].works[index][target].number == letter.chainNumber
        else { return }
        switch answer {
        case .written:
            replicas[replica].works[index][target].inFlight -= 1
            replicas[replica].works[index][target].acknowledgedAt = now
            checkElected(replica, index)
        case .synced:
            replicas[replica].works[index][target].state = .open
        case .fenced, .gap, .gone, .taken, .refused:
            breakChain(target, replica, index)
            let server = servers[letter.server].name
            note(replica, "is refused by \(server)")
            if case .raise = letter.request, case .fenced(let epoch?, _) = answer {
                observe(epoch, replica)
                giveUpIfOutranked(replica, index)
            }
            if case .sync = letter.request, case .taken(let other, _) = answer { observe(other.epoch.number, replica) }
            if isLive(replica, index) { tell(replica) { $0?.renewalWanted(token: lease.token, at: $1) } }
        case nil, .late, .failed, .acquired, .suspected, .renewed, .resigned, .notOurs:
            breakChain(target, replica, index)
        }
    }

    private mutating func breakChain(_ target: Target, _ replica: Int, _ index: Int) {
        replicas[replica].works[index][target].state = .broken
        // Answers to what was sent before say nothing any more.
        replicas[replica].works[index][target].number += 1
    }

    private mutating func observe(_ number: Int64, _ replica: Int) {
        guard let epoch = Epoch(number) else { return }
        replicas[replica].highestEpochSeen = max(replicas[replica].highestEpochSeen, epoch)
        replicas[replica].elector?.observed(epoch)
    }

    /// A target that has seen a higher epoch will never accept anything of this term, however long it lasts: only a
    /// term with an epoch above that will do.
    private mutating func giveUpIfOutranked(_ replica: Int, _ index: Int) {
        guard mutation != .outrankedLeaderStays, isLive(replica, index) else { return }
        note(replica, "is outranked, and gives up")
        cancelWork(replica, index)
    }

    // MARK: The end of the work

    mutating func cancelWork(of term: Term, by replica: Int) {
        guard let index = replicas[replica].works.firstIndex(where: { $0.lease.token == term.token }) else { return }
        cancelWork(replica, index)
        if mutation == .candidacyDuringWork {
            agenda.add(.workIsReported(replica: replica, serial: replicas[replica].works[index].serial), at: now)
        }
    }

    private mutating func cancelWork(_ replica: Int, _ index: Int) {
        guard !replicas[replica].works[index].isEnding else { return }
        replicas[replica].works[index].isEnding = true
        let serial = replicas[replica].works[index].serial
        let end = now + chance.number(in: 0...plan.workEndsWithin)
        agenda.add(.workStopsSending(replica: replica, serial: serial), at: now + (end - now) / 8)
        agenda.add(.workEnds(replica: replica, serial: serial), at: end)
    }

    mutating func stopSending(_ replica: Int, _ serial: Int) {
        guard let index = workIndex(replica, serial),
            !isPaused(replica, .workStopsSending(replica: replica, serial: serial))
        else { return }
        let token = replicas[replica].works[index].lease.token
        tell(replica) { $0?.workStoppedSending(token: token, at: $1) }
    }

    mutating func endWork(_ replica: Int, _ serial: Int) {
        guard let index = workIndex(replica, serial), !isPaused(replica, .workEnds(replica: replica, serial: serial))
        else { return }
        let work = replicas[replica].works.remove(at: index)
        note(replica, "has ended the work of epoch \(work.lease.epoch)")
        tell(replica) { $0?.workEnded(token: work.lease.token, at: $1) }
        exitIfDone(replica)
    }

    /// Reports that the work has ended while it goes on; only with ``Mutation/candidacyDuringWork``.
    mutating func reportWorkEarly(_ replica: Int, _ serial: Int) {
        guard let index = workIndex(replica, serial) else { return }
        let token = replicas[replica].works[index].lease.token
        tell(replica) { $0?.workEnded(token: token, at: $1) }
    }

    private func workIndex(_ replica: Int, _ serial: Int) -> Int? {
        replicas[replica].works.firstIndex { $0.serial == serial }
    }

    /// Whether the term of this work lives, as far as the work can see.
    private func isLive(_ replica: Int, _ index: Int) -> Bool {
        guard let belief = replicas[replica].belief, replicas[replica].believes(at: now) else { return false }
        return belief.lease == replicas[replica].works[index].lease
    }
}

extension RedisRequest {
    /// The lease that it is about; nil if there is none yet.
    var lease: Lease? {
        switch self {
        case .acquire: nil
        case .renew(let lease, _), .resign(let lease), .sync(let lease, _), .raise(let lease, _),
            .write(let lease, _, _):
            lease
        }
    }
}

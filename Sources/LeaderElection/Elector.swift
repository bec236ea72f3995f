/// Decides when a replica asks for the lease, leads, and stops leading.
///
/// A pure state machine: each event is one mutating function that is given the time and returns what to do. It
/// promises, if its driver does all of that:
/// - a term is never led past its deadline, which is counted from the *sending* of the last successful request;
/// - the next candidacy begins only after the work of the last term has ended;
/// - it never gives up: until shutdown every failure leads to another candidacy, after a jittered back-off;
/// - tokens are never reused, and no term has an epoch that is not above all those seen before.
///
/// It does *not* promise that two replicas never believe to lead at once: a replica may be paused at any instruction.
/// The fence beside the data keeps such a replica from doing harm.
///
/// Events that come too late, twice, or for a term that is over are answered with nothing.
public struct Elector<Randomness: RandomNumberGenerator & Sendable>: Sendable {
    public var timing: ElectionTiming { pacing.timing }
    /// The highest epoch ever seen; a new term's is higher, also at a store that has forgotten everything.
    public private(set) var floor: Epoch
    /// How much longer than usual this replica waits before it asks, so that others go first: those of a newer version.
    public var candidacyDelay = Duration.zero
    private var phase = ElectionPhase.follower(nil)
    /// The token of the next term. It is kept until a term begins with it: an acquire whose answer was lost is then
    /// found to be ours.
    private var nextToken: Token
    /// The token of the term that is led, or that is over while its work is still ending.
    private var workingToken: Token?
    /// The moment that the driver was last told to wait for.
    private var timer: Moment?
    private var pacing: Pacing<Randomness>

    /// A follower that has not been started.
    public init(timing: ElectionTiming, floor: Epoch = .zero, randomness: Randomness) {
        self.floor = floor
        pacing = Pacing(timing: timing, randomness: randomness)
        nextToken = pacing.newToken()
    }

    public var state: ElectionState { phase.state }
    /// The token of the term that is led or being given back, else of the next one. The leader's channel bears it, so
    /// that has to be listened to before the lease is asked for.
    public var token: Token { phase.heldToken ?? nextToken }

    /// The term that is led. At or after its deadline it is over, even if no event has said so yet.
    public var term: Term? {
        guard case .leader(let term, _) = phase else { return nil }
        return term
    }

    // MARK: Events

    /// The replica is ready: the first candidacy is due. Comes once, first of all.
    public mutating func started(at now: Moment) -> [ElectionAction] {
        guard case .follower(nil) = phase else { return [] }
        standBy(until: now)
        return proceed(at: now, [])
    }

    /// The moment of the last ``ElectionAction/waitUntil(_:)`` has come.
    public mutating func timerFired(at now: Moment) -> [ElectionAction] {
        timer = nil
        return proceed(at: now, endIfOverdue(at: now))
    }

    /// The lease was released, or that may have been missed. A replica that gave a lease back reacts to it only if it
    /// is named as the next.
    public mutating func woken(isNamed: Bool = false, at now: Moment) -> [ElectionAction] {
        switch phase {
        case .follower(let wait?) where wait.endsOnNews || isNamed: standBy(until: min(wait.due, now + candidacyDelay))
        case .candidate(let sentAt, _): phase = .candidate(sentAt: sentAt, woken: true)
        case .follower, .leader, .resigning, .stopped: break
        }
        return proceed(at: now, endIfOverdue(at: now))
    }

    /// The process that leads this term seems to be gone. The store is asked to make sure, and to give its lease to us.
    public mutating func leaderSilent(_ token: Token, at now: Moment) -> [ElectionAction] {
        if case .follower(let standby?) = phase, standby.endsOnNews, standby.suspect != token {
            standBy(until: min(standby.due, now + candidacyDelay), suspecting: token)
        }
        return proceed(at: now, endIfOverdue(at: now))
    }

    /// The answer to ``ElectionAction/acquire(_:floor:suspect:)``.
    public mutating func acquireAnswered(_ answer: AcquireAnswer, at now: Moment) -> [ElectionAction] {
        switch phase {
        case .candidate(let sentAt, let woken):
            return proceed(at: now, conclude(answer, sentAt: sentAt, woken: woken, at: now))
        case .resigning(.awaitingAcquire):
            guard case .acquired(let lease) = answer else { return stop() }
            // This deadline only bounds how long resigning is tried.
            let term = Term(lease: lease, deadline: timing.deadline(sentAt: now))
            phase = .resigning(.due(now, term, .shutdown, .stopped))
            return proceed(at: now, [])
        case .follower, .leader, .resigning, .stopped:
            return proceed(at: now, endIfOverdue(at: now))
        }
    }

    /// The answer to ``ElectionAction/renew(_:)`` for the lease of this token.
    public mutating func renewAnswered(_ answer: RenewAnswer, token: Token, at now: Moment) -> [ElectionAction] {
        var actions = endIfOverdue(at: now)
        if case .taken(let lease, _) = answer { floor = max(floor, lease.epoch) }
        guard case .leader(var term, .asked(let sentAt, let again)) = phase, term.token == token else {
            return proceed(at: now, actions)
        }
        switch answer {
        case .renewed:
            pacing.succeeded()
            term.deadline = max(term.deadline, timing.deadline(sentAt: sentAt))
            phase = .leader(term, .due(again ? now : sentAt + timing.renewEvery))
            actions.append(.termExtended(until: term.deadline))
        case .failed:
            phase = .leader(term, .due(again ? now : now + timing.retryDelay))
        case .gone:
            standBy(until: now + pacing.jitter())
            actions.append(.stopLeading(term, .leaseGone))
        case .taken(let lease, let remaining):
            standBy(until: pacing.expiry(after: remaining, at: now) + candidacyDelay)
            actions.append(.stopLeading(term, .takenOver(by: lease)))
        }
        return proceed(at: now, actions)
    }

    /// The answer to ``ElectionAction/resign(_:_:)`` for the lease of this token.
    public mutating func resignAnswered(_ answer: ResignAnswer, token: Token, at now: Moment) -> [ElectionAction] {
        guard case .resigning(.asked(let term, let reason, let next)) = phase, term.token == token else {
            return proceed(at: now, endIfOverdue(at: now))
        }
        let retry = now + timing.retryDelay
        if answer == .failed, retry < term.deadline {
            phase = .resigning(.due(retry, term, reason, next))
            return proceed(at: now, [])
        }
        guard case .follower = next else { return stop() }
        // A replica that hands over would else be the first to ask again.
        standBack(for: reason.handsOver ? timing.ttl : pacing.backOff(), at: now)
        return proceed(at: now, [])
    }

    /// Something came up that only the lease's store can tell, such as why a target refused a write: ask at once.
    public mutating func renewalWanted(token: Token, at now: Moment) -> [ElectionAction] {
        let actions = endIfOverdue(at: now)
        if case .leader(let term, let renewal) = phase, term.token == token {
            switch renewal {
            case .due: phase = .leader(term, .due(now))
            case .asked(let sentAt, _): phase = .leader(term, .asked(sentAt: sentAt, again: true))
            }
        }
        return proceed(at: now, actions)
    }

    /// The work of this term will send nothing more to a target, though it may not have ended.
    public mutating func workStoppedSending(token: Token, at now: Moment) -> [ElectionAction] {
        let actions = endIfOverdue(at: now)
        if case .resigning(.due(let due, let term, let reason, let next)) = phase, term.token == token, now < due {
            phase = .resigning(.due(now, term, reason, next))
        }
        return proceed(at: now, actions)
    }

    /// The work of this term has ended. Work that ends by itself gives the term up.
    public mutating func workEnded(token: Token, at now: Moment) -> [ElectionAction] {
        var actions = endIfOverdue(at: now)
        guard workingToken == token else { return proceed(at: now, actions) }
        workingToken = nil
        switch phase {
        case .leader(let term, _):
            actions.append(.stopLeading(term, .workEnded))
            phase = .resigning(.due(now, term, .workEnded, .follower))
        case .resigning:
            return workStoppedSending(token: token, at: now)
        case .follower, .candidate, .stopped:
            break
        }
        return proceed(at: now, actions)
    }

    /// An operator requests that this term ends: its lease is resigned as soon as the work has stopped sending.
    public mutating func stepDown(token: Token, at now: Moment) -> [ElectionAction] {
        handOver(token, .steppedDown, at: now)
    }

    /// The work of this term gets nowhere, and another replica can do it; see ``Incapacity``.
    public mutating func cannotWork(token: Token, at now: Moment) -> [ElectionAction] {
        handOver(token, .cannotWork, at: now)
    }

    private mutating func handOver(_ token: Token, _ reason: EndReason, at now: Moment) -> [ElectionAction] {
        var actions = endIfOverdue(at: now)
        if case .leader(let term, _) = phase, term.token == token {
            phase = .resigning(.due(now + timing.stopSendingWithin, term, reason, .follower))
            actions.append(.stopLeading(term, reason))
        }
        return proceed(at: now, actions)
    }

    /// The replica shuts down. A leader's term ends; its lease is resigned as soon as the work has stopped sending.
    public mutating func shutdown(at now: Moment) -> [ElectionAction] {
        let actions = endIfOverdue(at: now)
        switch phase {
        case .follower:
            return actions + stop()
        case .candidate:
            phase = .resigning(.awaitingAcquire)
        case .leader(let term, _):
            phase = .resigning(.due(now + timing.stopSendingWithin, term, .shutdown, .stopped))
            return proceed(at: now, [.stopLeading(term, .shutdown)])
        case .resigning(.due(let due, let term, _, _)):
            phase = .resigning(.due(due, term, .shutdown, .stopped))
        case .resigning(.asked(let term, let reason, _)):
            phase = .resigning(.asked(term, reason, .stopped))
        case .resigning(.awaitingAcquire), .stopped:
            break
        }
        return proceed(at: now, actions)
    }

    /// An epoch was met, for example at a target without the lease: no later term of this replica will be below it.
    public mutating func observed(_ epoch: Epoch) {
        floor = max(floor, epoch)
    }

    // MARK: What follows from the events

    private mutating func conclude(
        _ answer: AcquireAnswer, sentAt: Moment, woken: Bool, at now: Moment
    ) -> [ElectionAction] {
        switch answer {
        case .acquired(let lease):
            let term = Term(lease: lease, deadline: timing.deadline(sentAt: sentAt))
            nextToken = pacing.newToken()
            guard now < term.deadline else { return giveBack(lease, .lateAnswer, at: now) }
            guard lease.epoch > floor else { return giveBack(lease, .outranked, at: now) }
            floor = lease.epoch
            workingToken = term.token
            phase = .leader(term, .due(sentAt + timing.renewEvery))
            return [.startLeading(term)]
        case .taken(let lease, let remaining):
            pacing.succeeded()
            floor = max(floor, lease.epoch)
            standBy(until: (woken ? now : pacing.expiry(after: remaining, at: now)) + candidacyDelay)
        case .suspected(let lease, let grace):
            pacing.succeeded()
            floor = max(floor, lease.epoch)
            standBy(until: now + (woken ? .zero : grace), suspecting: lease.token)
        case .reserved(let remaining):
            pacing.succeeded()
            standBy(until: pacing.expiry(after: remaining, at: now))
        case .failed:
            standBy(until: now + pacing.backOff())
        }
        return []
    }

    /// A lease under which no term may begin is released by comparing, so that nobody has to wait for its end.
    private mutating func giveBack(_ lease: Lease, _ reason: EndReason, at now: Moment) -> [ElectionAction] {
        floor = max(floor, lease.epoch)
        standBack(for: pacing.backOff(), at: now)
        return [.resign(lease, reason)]
    }

    private mutating func standBy(until due: Moment, suspecting suspect: Token? = nil) {
        phase = .follower(.init(due: due, suspect: suspect))
    }

    private mutating func standBack(for pause: Duration, at now: Moment) {
        phase = .follower(.init(due: now + pause, endsOnNews: false))
    }

    /// Comes first in every event: nothing that happens at or after the deadline can save the term.
    private mutating func endIfOverdue(at now: Moment) -> [ElectionAction] {
        guard case .leader(let term, _) = phase, now >= term.deadline else { return [] }
        standBack(for: pacing.backOff(), at: now)
        return [.stopLeading(term, .deadline), .resign(term.lease, .deadline)]
    }

    private mutating func stop() -> [ElectionAction] {
        phase = .stopped
        return [.stopped]
    }

    /// Comes last in every event: does what is due, and says when the next thing will be.
    private mutating func proceed(at now: Moment, _ before: [ElectionAction]) -> [ElectionAction] {
        var actions = before
        switch phase {
        case .follower(let standby?) where standby.due <= now && workingToken == nil:
            phase = .candidate(sentAt: now, woken: false)
            actions.append(.acquire(nextToken, floor: floor, suspect: standby.suspect))
        case .leader(let term, .due(let due)) where due <= now:
            phase = .leader(term, .asked(sentAt: now, again: false))
            actions.append(.renew(term.lease))
        case .resigning(.due(let due, let term, let reason, let next)) where due <= now:
            phase = .resigning(.asked(term, reason, next))
            actions.append(.resign(term.lease, reason))
        case .follower, .candidate, .leader, .resigning, .stopped:
            break
        }
        if let moment = nextMoment, moment != timer { actions.append(.waitUntil(moment)) }
        timer = nextMoment
        return actions
    }

    private var nextMoment: Moment? {
        switch phase {
        case .follower(let standby): workingToken == nil ? standby?.due : nil
        case .leader(let term, .due(let due)): min(due, term.deadline)
        case .leader(let term, .asked): term.deadline
        case .resigning(.due(let due, _, _, _)): due
        case .candidate, .resigning, .stopped: nil
        }
    }
}

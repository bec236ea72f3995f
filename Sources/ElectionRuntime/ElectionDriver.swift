internal import GroupState
internal import LeaderElection
internal import NIOCore
internal import RedisClient

/// Performs what the elector decides. Runs on the event loop of the lease's connection, so that neither a busy thread
/// pool nor anything else of this process keeps a renewal from being sent.
actor ElectionDriver {
    private let store: LeaseStore
    private let log: ElectionLog
    private let eventLoop: any EventLoop
    private var alarm: ElectionAlarm
    private var elector: Elector<SystemRandomNumberGenerator>
    private let standing: Standing
    private let leading: Leading
    /// The replica that is to lead next, once this one has stepped down.
    private var successor = ""
    private let membership: GroupMembership
    private let channels: GroupChannels
    private let leaderWatch: LeaderWatch
    private let departure: Departure

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(
        store: LeaseStore, replicaInfo: ReplicaInfo, work: any TermWork, incapacity: Incapacity, drain: Duration,
        log: ElectionLog, eventLoop: any EventLoop, show: @escaping @Sendable (ElectionStatus) -> Void,
        termBegan: @escaping @Sendable (LeadershipTerm) -> Void
    ) {
        self.store = store
        self.log = log
        self.eventLoop = eventLoop
        alarm = ElectionAlarm(eventLoop: eventLoop)
        elector = Elector(timing: store.timing, randomness: SystemRandomNumberGenerator())
        standing = Standing(log: log, show: show)
        leading = Leading(work: work, termBegan: termBegan)
        membership = GroupMembership(replicaInfo, store: store, work: work, incapacity: incapacity)
        channels = GroupChannels(store: store)
        leaderWatch = LeaderWatch(store: store, eventLoop: eventLoop)
        departure = Departure(drain: drain, eventLoop: eventLoop)
    }

    /// Takes part in the election until ``shutDown()`` is over. Called once.
    func run() async {
        listenAsNext()
        membership.start { await self.report() }
        perform(elector.started(at: alarm.now))
        await departure.untilLeft()
        alarm.cancel()
        // What still has something to say on this loop, which ends next.
        await membership.stop()
        await leaderWatch.close()
        await channels.close()
        await membership.leave()
        await store.close()
    }

    /// Ends the term, if there is one, gives the lease back, and lets ``run()`` return: at the latest after the drain
    /// time if the work does not end.
    func shutDown() {
        guard departure.begin(patienceLost: { self.assumeIsolated { $0.leaveWorkBehind() } }) else { return }
        perform(elector.shutdown(at: alarm.now))
    }

    // MARK: Actions

    /// - Parameters:
    ///   - dueAt: when the alarm was due whose event the elector was told.
    ///   - pause: how long a term that begins is paused.
    private func perform(
        _ actions: [ElectionAction], dueAt: ContinuousClock.Instant = .now, pause: Duration = .zero
    ) {
        for action in actions { perform(action, dueAt, pause) }
        if let old = standing.became(elector.state) {
            if elector.state != .follower && elector.state != .candidate { leaderWatch.stop() }
            if elector.state == .leader || old == .leader { Task { await self.report() } }
        }
        listenAsNext()
        leaveIfDone()
    }

    private func perform(_ action: ElectionAction, _ dueAt: ContinuousClock.Instant, _ pause: Duration) {
        switch action {
        case .acquire(let token, let floor, let suspect):
            Task { await self.acquire(token, floor: floor, suspect: suspect) }
        case .renew(let lease): Task { await self.renew(lease, dueAt: dueAt) }
        case .resign(let lease, let reason): Task { await self.resign(lease, reason) }
        case .startLeading(let term): start(term, pause)
        case .termExtended(let deadline): leading.current?.prolong(until: alarm.instant(deadline))
        case .stopLeading(let term, let reason): stop(term, reason)
        case .waitUntil(let moment):
            alarm.set(at: moment) { dueAt in
                self.assumeIsolated { $0.perform($0.elector.timerFired(at: $0.alarm.now), dueAt: dueAt) }
            }
        case .stopped: departure.stopped()
        }
    }

    // MARK: Asking the store

    private func acquire(_ token: Token, floor: Epoch, suspect: Token?) async {
        do throws(LeaseError) {
            let acquisition = try await store.acquire(
                token, floor: floor, suspect: suspect, isHeard: channels.isHeard)
            standing.answered()
            switch acquisition.answer {
            case .taken(let lease, _), .suspected(let lease, _): follow(lease)
            case .acquired, .reserved, .failed: break
            }
            perform(elector.acquireAnswered(acquisition.answer, at: alarm.now), pause: acquisition.pause)
        } catch {
            if standing.failed(error) { log.acquireFailed(error) }
            perform(elector.acquireAnswered(.failed, at: alarm.now))
        }
    }

    private func renew(_ lease: Lease, dueAt: ContinuousClock.Instant) async {
        let askedAt = ContinuousClock.now
        do throws(LeaseError) {
            let renewal = try await store.renew(lease, isHeard: channels.isHeard)
            log.renewed(after: .now - dueAt)
            standing.answered()
            if let obstacle = renewal.obstacle {
                standing.failed(obstacle)
                log.leaseObstructed(obstacle)
            }
            perform(elector.renewAnswered(renewal.answer, token: lease.token, at: alarm.now))
            if renewal.answer == .renewed { renewed(lease, askedAt, renewal) }
        } catch {
            standing.failed(error)
            log.renewalFailed(lease, error, remaining: leading.current?.remaining() ?? .zero)
            perform(elector.renewAnswered(.failed, token: lease.token, at: alarm.now))
        }
    }

    private func resign(_ lease: Lease, _ reason: EndReason) async {
        do throws(LeaseError) {
            let heir = reason.handsOver ? successor : ""
            log.resigned(lease, reason, wasOurs: try await store.resign(lease, reason, for: heir))
            perform(elector.resignAnswered(.done, token: lease.token, at: alarm.now))
        } catch {
            log.resignFailed(lease, error)
            perform(elector.resignAnswered(.failed, token: lease.token, at: alarm.now))
        }
    }

    // MARK: Terms

    private func start(_ term: Term, _ pause: Duration) {
        log.elected(term)
        membership.note(.untried)
        standing.lacks([])
        let live = LeadershipTerm(lease: term.lease, deadline: alarm.instant(term.deadline)) { [weak self] news in
            guard let self else { return }
            Task { await self.heard(news, of: term.token) }
        }
        setPause(pause, of: live)
        leading.begin(live) { await self.workEnded(term.token) }
        standing.holds(term.lease)
    }

    private func renewed(_ lease: Lease, _ askedAt: ContinuousClock.Instant, _ renewal: LeaseStore.Renewal) {
        guard let term = leading.term(of: lease.token) else { return }
        if leading.fence(isMissing: renewal.fence == nil) { log.fenceMissing(lease) }
        term.renewed(LeadershipTerm.Renewal(askedAt: askedAt, fence: renewal.fence))
        setPause(renewal.requests.pause, of: term)
        guard let request = renewal.requests.stepDown else { return }
        log.stepDownRequested(lease, request)
        successor = request.successor
        perform(elector.stepDown(token: lease.token, at: alarm.now))
    }

    private func setPause(_ pause: Duration, of term: LeadershipTerm) {
        let before = term.pauseState()
        term.pause(until: pause > .zero ? .now + pause : nil)
        let after = term.pauseState()
        guard (before == .none) != (after == .none) else { return }
        log.pauseChanged(term.lease, pause)
        Task { await self.report() }
    }

    private func stop(_ term: Term, _ reason: EndReason) {
        leading.end(reason)
        log.ended(term, reason)
        switch reason {
        case .takenOver(let lease): standing.holds(lease)
        case .deadline, .leaseGone, .workEnded, .steppedDown, .cannotWork, .shutdown, .lateAnswer, .outranked:
            standing.holds(nil)
        }
        switch reason {
        case .deadline, .leaseGone, .takenOver:
            departure.wait(for: Task { await self.store.recordLost(term, reason) })
        case .workEnded, .steppedDown, .cannotWork, .shutdown, .lateAnswer, .outranked:
            break
        }
    }

    private func heard(_ news: TermReport.News, of token: Token) {
        switch news {
        case .writeRefused: perform(elector.renewalWanted(token: token, at: alarm.now))
        case .stoppedSending: perform(elector.workStoppedSending(token: token, at: alarm.now))
        case .observed(let epoch): elector.observed(epoch)
        case .obstacleChanged: obstacleChanged(of: token)
        }
    }

    private func workEnded(_ token: Token) {
        // Work that ends by itself ends its term, so it is forgotten only afterwards.
        perform(elector.workEnded(token: token, at: alarm.now))
        leading.workEnded(token)
        leaveIfDone()
    }

    // MARK: The group

    /// Listens on the channel of the term that is led or of the next one: whoever is elected must be heard before.
    private func listenAsNext() {
        let token = elector.token
        if departure.hasStopped {
            channels.stop()
        } else {
            channels.listen(as: token) { await self.heard($0, as: token) }
        }
    }

    private func heard(_ news: GroupChannels.News, as token: Token) {
        switch news {
        case .listening: perform(elector.woken(at: alarm.now))
        case .released(let heir): perform(elector.woken(isNamed: heir == store.holder, at: alarm.now))
        case .requested: perform(elector.renewalWanted(token: token, at: alarm.now))
        case .lost(let error):
            log.channelLost(error)
            // A leader says at once that it lives: the followers see its silence.
            perform(elector.renewalWanted(token: token, at: alarm.now))
        }
    }

    /// Follows another replica, and watches its process, so as to succeed it as soon as that is gone.
    private func follow(_ lease: Lease) {
        leaderWatch.watch(lease.token) { await self.leaderIsSilent(lease.token) }
        standing.follows(lease)
    }

    private func leaderIsSilent(_ leader: Token) { perform(elector.leaderSilent(leader, at: alarm.now)) }

    /// Says that this replica is there, and learns whether others should lead before it.
    private func report() async {
        let members = await membership.report(
            elector.state, epoch: standing.status.epoch, pause: leading.current?.pauseState() ?? .none)
        guard let members else { return }
        elector.candidacyDelay = membership.candidacyDelay(members)
        if elector.state == .leader {
            considerHandingOver(members)
        } else {
            membership.tryWork(ifWantedBy: members) { await self.tried($0) }
        }
    }

    // MARK: Whether the work can be done

    /// The work of the term gets nowhere, or does so again.
    private func obstacleChanged(of token: Token) {
        guard let term = leading.term(of: token), elector.state == .leader else { return }
        let obstacle = term.report.obstacle
        let missing = obstacle?.missing ?? []
        guard standing.status.missing != missing else { return }
        if let obstacle { log.obstructed(term.lease, by: obstacle) } else { log.unobstructed(term.lease) }
        standing.lacks(missing)
        membership.note(obstacle == nil ? .untried : .unable, missing: missing)
        Task { await self.report() }
    }

    /// Gives the lease up if nothing has worked for long and somebody else says that it would for them.
    private func considerHandingOver(_ members: Membership) {
        guard let term = leading.current, let obstacle = term.report.obstacle,
            let heir = membership.heir(of: obstacle, members)
        else { return }
        log.handsOver(term.lease, to: heir)
        successor = heir
        perform(elector.cannotWork(token: term.token, at: alarm.now))
    }

    /// A follower has tried the work.
    private func tried(_ missing: [String]) {
        guard elector.state != .leader else { return }
        let isNews = membership.note(missing.isEmpty ? .able : .unable, missing: missing)
        guard isNews || standing.status.missing != missing else { return }
        log.tried(missing)
        standing.lacks(missing)
        Task { await self.report() }
    }

    // MARK: The end

    private func leaveWorkBehind() {
        if let term = leading.abandon() { log.workHangs(term.token) }
        departure.stopped()
        leaveIfDone()
    }

    private func leaveIfDone() {
        if departure.hasStopped, leading.current == nil { departure.leave() }
    }
}

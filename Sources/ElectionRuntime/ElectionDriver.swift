internal import CoreMetrics
internal import GroupState
internal import LeaderElection
internal import NIOCore
internal import RedisClient
internal import Telemetry

/// Performs what the elector decides. Runs on the event loop of the lease's connection, so that neither a busy thread
/// pool nor anything else of this process keeps a renewal from being sent.
actor ElectionDriver {
    let store: LeaseStore
    let work: any TermWork
    let incapacity: Incapacity
    private let drain: Duration
    let log: ElectionLog
    let publish: @Sendable (ElectionStatus) -> Void
    private let termBegan: @Sendable (LeadershipTerm) -> Void
    private let instruments: Instruments
    let eventLoop: any EventLoop
    /// The zero of the elector's moments.
    private let origin = ContinuousClock.now

    var elector: Elector<SystemRandomNumberGenerator>
    var status = ElectionStatus(state: .follower)
    private var timer: Scheduled<Void>?
    /// While the timer's event is handled: when it was due. The loop may have come to it late.
    private var timerDueAt: ContinuousClock.Instant?
    /// The token of the channel on which we are heard, or will be soon.
    var listeningAs: Token?
    var listening: Task<Void, Never>?
    /// Since when somebody listens to that channel, and whether that was lost before.
    var heardSince: ContinuousClock.Instant?
    var wasUnheard = false
    /// The term whose leader is watched.
    var watched: Token?
    var watching: Task<Void, Never>?
    var replicaInfo: ReplicaInfo
    private var reporting: Task<Void, Never>?
    /// What this replica tries in its leader's place.
    var trial: Task<Void, Never>?
    /// The replica that is to lead next, once this one has stepped down.
    var successor = ""
    /// The term that is led, or that is over while its work is still ending, with the work.
    var current: (term: LeadershipTerm, work: Task<Void, Never>)?
    private var renewalSentAt = ContinuousClock.now
    private var renewal: LeaseStore.Renewal?
    private var pauseAtStart = Duration.zero
    private var isFenceMissing = false
    private var recording: Task<Void, Never>?
    var hasStopped = false
    /// Set at shutdown: when to leave without the work.
    private var patience: Scheduled<Void>?
    private var finished: CheckedContinuation<Void, Never>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(
        store: LeaseStore, replicaInfo: ReplicaInfo, work: any TermWork, incapacity: Incapacity, drain: Duration,
        log: ElectionLog, eventLoop: any EventLoop, publish: @escaping @Sendable (ElectionStatus) -> Void,
        termBegan: @escaping @Sendable (LeadershipTerm) -> Void, instruments: Instruments
    ) {
        self.replicaInfo = replicaInfo
        self.store = store
        self.work = work
        self.incapacity = incapacity
        self.drain = drain
        self.log = log
        self.eventLoop = eventLoop
        self.publish = publish
        self.termBegan = termBegan
        self.instruments = instruments
        elector = Elector(timing: store.timing, randomness: SystemRandomNumberGenerator())
    }

    /// Takes part in the election until ``shutDown()`` is over. Called once.
    func run() async {
        listenAsNext()
        reporting = Task {
            while !Task.isCancelled {
                await self.report()
                try? await Task.sleep(for: self.reportInterval)
            }
        }
        apply(elector.started(at: now))
        await withCheckedContinuation { continuation in
            finished = continuation
            finishIfDone()
        }
        timer?.cancel()
        patience?.cancel()
        reporting?.cancel()
        await reporting?.value
        trial?.cancel()
        await trial?.value
        await recording?.value
        // What still had something to say on this loop, which ends next.
        watch(nil)
        listening?.cancel()
        await watching?.value
        await listening?.value
        await store.leave(replicaInfo)
        await store.close()
    }

    /// Ends the term, if there is one, gives the lease back, and lets ``run()`` return: at the latest after the drain
    /// time if the work does not end.
    func shutDown() {
        guard patience == nil else { return }
        patience = eventLoop.scheduleTask(in: TimeAmount(drain)) { self.assumeIsolated { $0.giveUpWaiting() } }
        apply(elector.shutdown(at: now))
    }

    // MARK: Actions

    var now: Moment { Moment(sinceOrigin: origin.duration(to: .now)) }

    private func instant(_ moment: Moment) -> ContinuousClock.Instant { origin + moment.sinceOrigin }

    func apply(_ actions: [ElectionAction]) {
        for action in actions { perform(action) }
        let old = status.state
        if elector.state != old {
            status.state = elector.state
            log.stateChanged(from: old, to: elector.state)
            publish(status)
            if elector.state != .follower && elector.state != .candidate { watch(nil) }
            if elector.state == .leader || old == .leader { Task { await self.report() } }
        }
        listenAsNext()
        if hasStopped { finishIfDone() }
    }

    private func timerFired(_ dueAt: ContinuousClock.Instant) {
        timerDueAt = dueAt
        apply(elector.timerFired(at: now))
        timerDueAt = nil
    }

    private func perform(_ action: ElectionAction) {
        switch action {
        case .acquire(let token, let floor, let suspect):
            Task { await self.acquire(token, floor: floor, suspect: suspect) }
        case .renew(let lease):
            let dueAt = timerDueAt ?? .now
            Task { await self.renew(lease, dueAt: dueAt) }
        case .resign(let lease, let reason): Task { await self.resign(lease, reason) }
        case .startLeading(let term): start(term)
        case .termExtended(let deadline):
            current?.term.prolong(
                until: instant(deadline), renewedFence: .init(askedAt: renewalSentAt, fence: renewal?.fence))
        case .stopLeading(let term, let reason): stop(term, reason)
        case .waitUntil(let moment):
            timer?.cancel()
            let delay = max(.zero, ContinuousClock.now.duration(to: instant(moment)))
            let dueAt = instant(moment)
            timer = eventLoop.scheduleTask(in: TimeAmount(delay) + .microseconds(1)) {
                self.assumeIsolated { $0.timerFired(dueAt) }
            }
        case .stopped: hasStopped = true
        }
    }

    // MARK: Asking the store

    private func acquire(_ token: Token, floor: Epoch, suspect: Token?) async {
        do throws(LeaseError) {
            let acquisition = try await store.acquire(token, floor: floor, suspect: suspect, isHeard: isHeard)
            noteSuccess()
            switch acquisition.answer {
            case .taken(let lease, _), .suspected(let lease, _): follow(lease)
            case .acquired, .reserved, .failed: break
            }
            pauseAtStart = acquisition.pause
            apply(elector.acquireAnswered(acquisition.answer, at: now))
        } catch {
            if noteProblem(error) { log.acquireFailed(error) }
            apply(elector.acquireAnswered(.failed, at: now))
        }
    }

    private func renew(_ lease: Lease, dueAt: ContinuousClock.Instant) async {
        let sentAt = ContinuousClock.now
        do throws(LeaseError) {
            let renewal = try await store.renew(lease, isHeard: isHeard)
            instruments.renewalDuration.recordDuration(ContinuousClock.now - dueAt)
            noteSuccess()
            if let obstacle = renewal.obstacle {
                noteProblem(obstacle)
                log.leaseObstructed(obstacle)
            }
            if renewal.answer == .renewed {
                if renewal.fence == nil, !isFenceMissing { log.fenceMissing(lease) }
                isFenceMissing = renewal.fence == nil
            }
            (renewalSentAt, self.renewal) = (sentAt, renewal)
            apply(elector.renewAnswered(renewal.answer, token: lease.token, at: now))
            if renewal.answer == .renewed { apply(renewal.requests, lease) }
        } catch {
            noteProblem(error)
            instruments.renewalFailures.increment()
            log.renewalFailed(lease, error, remaining: current?.term.remaining() ?? .zero)
            apply(elector.renewAnswered(.failed, token: lease.token, at: now))
        }
    }

    private func resign(_ lease: Lease, _ reason: EndReason) async {
        do throws(LeaseError) {
            let heir = reason.handsOver ? successor : ""
            log.resigned(lease, reason, wasOurs: try await store.resign(lease, reason, for: heir))
            apply(elector.resignAnswered(.done, token: lease.token, at: now))
        } catch {
            log.resignFailed(lease, error)
            apply(elector.resignAnswered(.failed, token: lease.token, at: now))
        }
    }

    // MARK: Terms

    private func start(_ term: Term) {
        log.elected(term)
        (replicaInfo.ability, replicaInfo.missing, status.missing) = (.untried, [], [])
        instruments.termsBegan.increment()
        let live = LeadershipTerm(lease: term.lease, deadline: instant(term.deadline)) { [weak self] news in
            guard let self else { return }
            Task { await self.heard(news, of: term.token) }
        }
        setPause(pauseAtStart, of: live)
        // Not on this actor: the work must not keep the event loop busy, nor an event loop that hangs the watchdog.
        let task = Task { @concurrent [work] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await work.lead(live) }
                group.addTask { await live.untilOver() }
                await group.next()
                group.cancelAll()
            }
            if !live.isAbandoned { await self.workEnded(term.token) }
        }
        current = (live, task)
        termBegan(live)
        status.lease = term.lease
    }

    private func stop(_ term: Term, _ reason: EndReason) {
        current?.term.end(reason)
        current?.work.cancel()
        log.ended(term, reason)
        instruments.termEnded(reason)
        switch reason {
        case .takenOver(let lease): status.lease = lease
        case .deadline, .leaseGone, .workEnded, .steppedDown, .cannotWork, .shutdown, .lateAnswer, .outranked:
            status.lease = nil
        }
        switch reason {
        case .deadline, .leaseGone, .takenOver:
            recording = Task { await self.store.recordLost(term, reason) }
        case .workEnded, .steppedDown, .cannotWork, .shutdown, .lateAnswer, .outranked:
            break
        }
    }

    private func heard(_ news: LeadershipTerm.News, of token: Token) {
        switch news {
        case .writeRefused: apply(elector.renewalWanted(token: token, at: now))
        case .stoppedSending: apply(elector.workStoppedSending(token: token, at: now))
        case .observed(let epoch): elector.observed(epoch)
        case .obstacleChanged: obstacleChanged(of: token)
        }
    }

    private func workEnded(_ token: Token) {
        // Work that ends by itself ends its term, so it is forgotten only afterwards.
        apply(elector.workEnded(token: token, at: now))
        if current?.term.token == token { current = nil }
        finishIfDone()
    }

    // MARK: Following

    private func follow(_ lease: Lease) {
        watch(lease.token)
        guard status.lease != lease else { return }
        status.lease = lease
        log.following(lease)
        publish(status)
    }

    // MARK: Troubles

    private func noteSuccess() {
        guard status.problem != nil || !status.hasAnswer else { return }
        if status.problem != nil { log.recovered() }
        status.problem = nil
        status.hasAnswer = true
        publish(status)
    }

    /// - Returns: whether it is another problem than the last.
    @discardableResult
    private func noteProblem(_ error: LeaseError) -> Bool {
        guard status.problem?.message != error.message else { return false }
        status.problem = error
        publish(status)
        return true
    }

    // MARK: The end

    private func giveUpWaiting() {
        if let current {
            log.workHangs(current.term.token)
            current.term.abandon()
        }
        current = nil
        hasStopped = true
        finishIfDone()
    }

    private func finishIfDone() {
        guard hasStopped, current == nil, let finished else { return }
        self.finished = nil
        finished.resume()
    }
}

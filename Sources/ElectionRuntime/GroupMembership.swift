internal import CacheRefresh
internal import GroupState
internal import LeaderElection

/// This replica as a member of its group: what it says of itself, and what follows from what the others say.
final class GroupMembership {
    private let store: LeaseStore
    private let incapacity: Incapacity
    private let work: any TermWork
    private var info: ReplicaInfo
    private var reporting: Task<Void, Never>?
    /// The leader's work, which this replica tries in its place.
    private var trial: Task<Void, Never>?

    init(_ info: ReplicaInfo, store: LeaseStore, work: any TermWork, incapacity: Incapacity) {
        self.info = info
        self.store = store
        self.work = work
        self.incapacity = incapacity
    }

    // MARK: Reporting

    /// Reports again and again, until ``stop()``.
    func start(isolation: isolated (any Actor) = #isolation, report: @escaping @Sendable () async -> Void) {
        reporting = Task {
            _ = isolation  // so that it runs there
            while !Task.isCancelled {
                await report()
                try? await Task.sleep(for: self.interval)
            }
        }
    }

    /// Returns when nothing is reported or tried any more.
    func stop() async {
        reporting?.cancel()
        await reporting?.value
        trial?.cancel()
        await trial?.value
    }

    /// Says that this replica is there.
    ///
    /// - Returns: who else is; nil if Redis does not say.
    func report(_ state: ElectionState, epoch: Epoch?, pause: ReplicaInfo.Pause) async -> Membership? {
        // Who asks for the lease is a follower to everybody else.
        info.state = "\(state == .candidate ? .follower : state)"
        info.epoch = epoch.map { "\($0)" } ?? ""
        info.pause = pause
        return try? await store.present(info)
    }

    /// Tells the group that this replica will not be there any more.
    func leave() async { await store.leave(info) }

    private var interval: Duration {
        if info.pause == .pausing { return .milliseconds(200) }
        let isUrgent = info.ability == .unable && info.state == "\(ElectionState.leader)"
        return isUrgent ? min(incapacity.patience / 30, Membership.interval) : Membership.interval
    }

    // MARK: Whether it can work

    /// Notes whether this replica can do a leader's work, and what it lacks.
    ///
    /// - Returns: whether that is another ability than before.
    @discardableResult
    func note(_ ability: ReplicaInfo.Ability, missing: [String] = []) -> Bool {
        defer { (info.ability, info.missing) = (ability, missing) }
        return info.ability != ability
    }

    /// Lets a follower try the leader's work while the leader says that it can't do it, and until the follower itself can.
    ///
    /// - Parameter tried: is given what can't be reached.
    func tryWork(
        ifWantedBy membership: Membership, isolation: isolated (any Actor) = #isolation,
        tried: @escaping @Sendable ([String]) async -> Void
    ) {
        let isWanted = membership.present.contains { $0.state == "\(ElectionState.leader)" && $0.ability == .unable }
        guard isWanted || info.ability == .unable else {
            note(.untried)
            return
        }
        guard trial == nil else { return }
        trial = Task {
            _ = isolation  // so that it runs there
            let missing = await Self.missing(self.work)
            self.trial = nil
            if !Task.isCancelled { await tried(missing) }
        }
    }

    /// Tries the work, outside the lease's event loop.
    @concurrent private static func missing(_ work: any TermWork) async -> [String] { await work.missing() }

    // MARK: Who is to lead

    /// How much longer than others this replica waits before it asks for the lease.
    func candidacyDelay(_ membership: Membership) -> Duration {
        let others = membership.present.filter { $0.id != info.id }
        if info.ability == .unable, others.contains(where: { $0.ability != .unable }) {
            return store.timing.renewEvery
        }
        return membership.isOutdated(info) ? store.timing.retryDelay : .zero
    }

    /// The replica for which a leader gives its lease up: if nothing has worked for long, and the other says that it
    /// would for it. The group remembers that.
    ///
    /// - Returns: its name; nil if the leader is to stay.
    func heir(of obstacle: Obstacle, _ membership: Membership) -> String? {
        let now = membership.nowMilliseconds
        let earlier = membership.replicas.flatMap(\.gaveUpMilliseconds)
            // Others may write there; and a clock may have been set.
            .filter { (0...now).contains($0) }
            .map { Duration.milliseconds(now - $0) }
        guard incapacity.isReason(toResignAfter: .now - obstacle.since, earlier: earlier) else { return nil }
        let able = membership.present.filter { $0.id != info.id && $0.ability == .able }
        guard let heir = able.first(where: { !membership.isOutdated($0) }) ?? able.first else { return nil }
        let oldest = now - incapacity.memory.milliseconds
        info.gaveUpMilliseconds.removeAll { $0 < oldest }
        info.gaveUpMilliseconds.append(now)
        return heir.name
    }
}

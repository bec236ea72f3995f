internal import CacheRefresh
internal import GroupState
internal import LeaderElection

/// Whether this replica can do a leader's work, and what follows: a leader that can't hands over to a follower that can.
extension ElectionDriver {
    /// The work of the term gets nowhere, or does so again.
    func obstacleChanged(of token: Token) {
        guard let term = current?.term, term.token == token, elector.state == .leader else { return }
        let obstacle = term.obstacle
        let missing = obstacle?.missing ?? []
        guard status.missing != missing else { return }
        status.missing = missing
        if let obstacle { log.obstructed(term.lease, by: obstacle) } else { log.unobstructed(term.lease) }
        publish(status)
        (replicaInfo.ability, replicaInfo.missing) = (obstacle == nil ? .untried : .unable, missing)
        Task { await self.report() }
    }

    /// Gives the lease up if nothing has worked for long and somebody else says that it would for them.
    func considerHandingOver(_ membership: Membership) {
        guard let term = current?.term, let obstacle = term.obstacle else { return }
        let earlier = membership.replicas.flatMap(\.gaveUpMilliseconds)
            // Others may write there; and a clock may have been set.
            .filter { (0...membership.nowMilliseconds).contains($0) }
            .map { Duration.milliseconds(membership.nowMilliseconds - $0) }
        guard incapacity.isReason(toResignAfter: .now - obstacle.since, earlier: earlier) else { return }
        let able = membership.present.filter { $0.id != replicaInfo.id && $0.ability == .able }
        guard let heir = able.first(where: { !membership.isOutdated($0) }) ?? able.first else { return }
        log.handsOver(term.lease, to: heir.name)
        let oldest = membership.nowMilliseconds - incapacity.memory.milliseconds
        replicaInfo.gaveUpMilliseconds.removeAll { $0 < oldest }
        replicaInfo.gaveUpMilliseconds.append(membership.nowMilliseconds)
        successor = heir.name
        apply(elector.cannotWork(token: term.token, at: now))
    }

    /// While the leader says that it can't work, its followers try whether they could; whoever can't tries until it can.
    func tryIfWanted(_ membership: Membership) {
        let isWanted = membership.present.contains { $0.state == "\(ElectionState.leader)" && $0.ability == .unable }
        guard isWanted || replicaInfo.ability == .unable else {
            replicaInfo.ability = .untried
            return
        }
        guard trial == nil else { return }
        // Not on this actor, which is the lease's event loop.
        trial = Task { @concurrent [work] in
            let missing = await work.missing()
            await self.tried(missing)
        }
    }

    private func tried(_ missing: [String]) {
        trial = nil
        guard elector.state != .leader, !Task.isCancelled else { return }
        let ability: ReplicaInfo.Ability = missing.isEmpty ? .able : .unable
        let isNews = replicaInfo.ability != ability || status.missing != missing
        (replicaInfo.ability, replicaInfo.missing) = (ability, missing)
        status.missing = missing
        guard isNews else { return }
        log.tried(missing)
        publish(status)
        Task { await self.report() }
    }
}

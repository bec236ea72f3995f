internal import GroupState
internal import LeaderElection
internal import RedisClient

/// What a replica says to its group and hears from it: operators' requests, who is there, and whether the leader's
/// process is.
extension ElectionDriver {
    // MARK: Requests

    func apply(_ requests: LeaderRequests, _ lease: Lease) {
        guard let term = current?.term, term.token == lease.token else { return }
        setPause(requests.pause, of: term)
        guard let request = requests.stepDown else { return }
        log.stepDownRequested(lease, request)
        successor = request.successor
        apply(elector.stepDown(token: lease.token, at: now))
    }

    func setPause(_ pause: Duration, of term: LeadershipTerm) {
        let before = term.pauseState()
        term.pause(until: pause > .zero ? .now + pause : nil)
        let after = term.pauseState()
        guard (before == .none) != (after == .none) else { return }
        log.pauseChanged(term.lease, pause)
        Task { await self.report() }
    }

    // MARK: Being seen and heard

    /// Says that this replica is there, and learns whether others should be elected before it.
    func report() async {
        // Who asks for the lease is a follower to everybody else.
        replicaInfo.state = "\(elector.state == .candidate ? .follower : elector.state)"
        replicaInfo.epoch = status.epoch.map { "\($0)" } ?? ""
        replicaInfo.pause = current?.term.pauseState() ?? .none
        guard let membership = try? await store.present(replicaInfo) else { return }
        elector.candidacyDelay = candidacyDelay(membership)
        if elector.state == .leader {
            considerHandingOver(membership)
        } else {
            tryIfWanted(membership)
        }
    }

    var reportInterval: Duration {
        if replicaInfo.pause == .pausing { return .milliseconds(200) }
        let isUrgent = replicaInfo.ability == .unable && elector.state == .leader
        return isUrgent ? min(incapacity.patience / 30, Membership.interval) : Membership.interval
    }

    private func candidacyDelay(_ membership: Membership) -> Duration {
        let others = membership.present.filter { $0.id != replicaInfo.id }
        if replicaInfo.ability == .unable, others.contains(where: { $0.ability != .unable }) {
            return store.timing.renewEvery
        }
        return membership.isOutdated(replicaInfo) ? store.timing.retryDelay : .zero
    }

    /// Listens on the channel of the term that is led or of the next one: whoever is elected must be heard before.
    func listenAsNext() {
        guard !hasStopped, listeningAs != elector.token else {
            if hasStopped { listening?.cancel() }
            return
        }
        listening?.cancel()
        let token = elector.token
        (listeningAs, heardSince, wasUnheard) = (token, nil, false)
        let messages = store.listen(as: token)
        listening = Task {
            for await event in messages where self.listeningAs == token { self.heard(event, as: token) }
            await messages.close()
        }
    }

    /// Whether others may conclude from a silent channel that this process is gone. A subscription that was lost must
    /// hold for a while before: one that comes and goes would else put the term at risk each time.
    var isHeard: Bool {
        guard let heardSince else { return false }
        return !wasUnheard || heardSince + store.timing.renewEvery <= .now
    }

    private func heard(_ event: RedisSubscription.Event, as token: Token) {
        switch event {
        case .subscribed:
            heardSince = .now
            // Messages may have been missed before.
            apply(elector.woken(at: now))
        case .message(channel: store.keys.requested, _):
            apply(elector.renewalWanted(token: token, at: now))
        case .message(_, let released):
            // The token, and who is to be next.
            let heir = String(decoding: released, as: UTF8.self).split(separator: " ", maxSplits: 1).dropFirst().first
            apply(elector.woken(isNamed: heir.map(String.init) == store.holder, at: now))
        case .lost(let error):
            (heardSince, wasUnheard) = (nil, true)
            log.channelLost(error)
            // A leader says at once that it lives: the followers see its silence.
            apply(elector.renewalWanted(token: token, at: now))
        }
    }

    // MARK: Watching the leader

    /// Watches the leader's process, so as to succeed it as soon as it is gone.
    func watch(_ leader: Token?) {
        guard watched != leader else { return }
        watching?.cancel()
        watched = leader
        guard let leader, store.detectsCrashes else { return }
        let watch = LeaderWatch(store: store, eventLoop: eventLoop)
        watching = Task {
            while !Task.isCancelled {
                await watch.untilSilent(leader)
                guard !Task.isCancelled else { return }
                self.apply(self.elector.leaderSilent(leader, at: self.now))
                try? await Task.sleep(for: self.store.timing.renewEvery)
            }
        }
    }
}

internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

extension CacheTools {
    /// Clears what was planned. It can be done again; what is gone is gone.
    ///
    /// Trouble on the way is part of the report: what was cleared before stays cleared, and is told.
    package func clear(_ plan: ClearPlan, progress: CacheProgress) async -> ClearReport {
        var report = ClearReport(plan: plan)
        do {
            var backup: BackupWriter?
            if let path = plan.request.backup, let place = plan.parts.first?.place {
                backup = try BackupWriter(path: path, origin: await origin(of: place))
            }
            var pace = Pace(rate: plan.request.rate, progress)
            do {
                for part in plan.parts {
                    var cleared = ClearReport.Part(place: part.place, families: part.work.families)
                    defer { report.parts.append(cleared) }
                    try await RedisClient.brief(part.place.settings) { client in
                        try await clear(part, client, backup, &pace, &cleared, progress)
                    }
                }
            } catch {
                report.fail(error)
            }
            // Also after trouble: what was cleared is in it.
            let backedUp = try backup?.finish() ?? 0
            report.backedUp = backedUp > 0 ? backedUp : nil
        } catch {
            report.fail(error)
        }
        if report.count + report.uncertain > 0 {
            await record("cache-cleared", report.summary, by: plan.request.requester, &report.remarks)
        }
        report.remarks += await returning(report)
        return report
    }

    private func clear(
        _ part: ClearPlan.Part, _ client: RedisClient, _ backup: BackupWriter?, _ pace: inout Pace,
        _ cleared: inout ClearReport.Part, _ progress: CacheProgress
    ) async throws {
        let connection = try await client.connection()
        let notes = try await LeaderNotes(self, part.place, connection, isPrecise: part.work.isPrecise)
        var underWay: [(family: Int?, keys: [[UInt8]], reply: RedisPendingReply)] = []
        func settle() async throws {
            var trouble: (any Error)?
            let answers = underWay
            underWay = []
            for (family, keys, reply) in answers {
                do {
                    let count = try notes.count(try await reply.value())
                    cleared.count(count, of: family)
                    if count > 0 { cleared.keepers.formUnion(notes.keepers(of: keys) ?? []) }
                } catch {
                    trouble = trouble ?? error
                    if (error as? RedisError)?.delivery == .unknown { cleared.uncertain += keys.count }
                }
            }
            if let trouble { throw trouble }
        }
        func send(_ share: CacheSelection.Share) async throws {
            let step = min(LeaderNotes.batchSize, pace.step)
            for start in stride(from: 0, to: share.keys.count, by: step) {
                let keys = Array(share.keys[start..<min(start + step, share.keys.count)])
                if let backup {
                    try await settle()
                    try await backup.add(keys, connection)
                    try backup.flush()
                }
                underWay.append((share.family, keys, connection.submit(notes.unlink(keys))))
                try await pace.wait(after: keys.count)
            }
        }
        do {
            switch part.work {
            case .keys(let shares, _): for share in shares { try await send(share) }
            case .selection(let selection):
                try await Inventory(redis: client).forEachPage(matching: selection.pattern) { keys, share in
                    // The answers to the page before have come with this one.
                    try await settle()
                    try progress.goOn()
                    let page = selection.sorted(keys)
                    cleared.own += page.own
                    for group in page.shares { try await send(group) }
                    progress.tell(share, "\(TextLayout.count(cleared.total, "key")) cleared")
                }
            }
        } catch {
            try? await settle()  // so that all is told that was done
            throw error
        }
        try await settle()
    }

    /// Appends to the group's history, if there is a group.
    func record(
        _ event: String, _ what: String, by requester: Requester, _ remarks: inout [String]
    ) async {
        do {
            try await RedisClient.brief(lease) { client in
                guard try await isManaged(client.connection()) else { return }
                let reason = what + StatusReport.because(requester.reason)
                _ = try await client.send(
                    RedisCommand(
                        "XADD", keys.events, "MAXLEN", "~", "10000", "*", "event", event, "holder", requester.name,
                        "epoch", "",
                        "token", "", "reason", reason))
            }
        } catch {
            remarks.append("The history could not be written: \(error)")
        }
    }

    /// Whether, when and from where what was cleared comes back.
    private func returning(_ report: ClearReport) async -> [String] {
        var remarks: [String] = []
        let switchedOff = configuration?.datasets.filter { !$0.isEnabled }.map(\.name) ?? []
        let keepers = report.parts.reduce(into: Set<String>()) { $0.formUnion($1.keepers) }.sorted()
            .filter { !switchedOff.contains($0) }
        let isGuessed = configuration == nil && report.count > 0
        if !keepers.isEmpty || isGuessed {
            let what = keepers.isEmpty ? "keys that Baton keeps" : "the keys of \(keepers.joined(separator: ", "))"
            do {
                let view = try await RedisClient.brief(lease) { client -> GroupView? in
                    guard try await isManaged(client.connection()) else { return nil }
                    return try await GroupView.read(configuration?.group ?? "", keys, client)
                }
                remarks.append(view.map { returning(what, $0) } ?? nobodyTold)
            } catch {
                remarks.append("Whether a replica leads is not known (\(error)): \(what) come back with its next pass.")
            }
            let filtered = places.flatMap(\.families).filter(\.isFiltered).names
            for name in keepers where filtered.contains(name) {
                remarks.append("\(name) has a filter: rows that it leaves out come back only when they match it again.")
            }
        }
        let others = report.parts.flatMap(\.touched).filter { $0.keeper == .application }.names
        if !others.isEmpty {
            remarks.append("Keys of \(others.joined(separator: ", ")) come back when the application needs them.")
        }
        return remarks
    }

    private var nobodyTold: String {
        "No leader was told, as no group has its fence there under the prefix and name \(keys.fence.quoted). If Baton keeps such keys, "
            + "clear them with its configuration, or with --key-prefix and --group."
    }

    private func returning(_ what: String, _ view: GroupView) -> String {
        guard let leader = view.leader else {
            if configuration == nil {
                return
                    "Nobody leads at this Redis. A leader whose lease is at another one was told: \(what) come back with its next pass."
            }
            return "Nobody leads now: \(what) come back only once a replica leads, with its first pass."
        }
        if let pause = view.pause {
            return "The group is paused until \(WallClock(pause.untilMilliseconds).date): \(what) come back after that."
        }
        return "\(leader.name) leads and was told: \(what) come back with its next pass."
    }
}

extension ClearPlan.Work {
    /// Few enough for the leader to look at each.
    fileprivate var isPrecise: Bool {
        switch self {
        case .keys(let shares, _): shares.reduce(0) { $0 + $1.keys.count } <= 100
        case .selection: false
        }
    }
}

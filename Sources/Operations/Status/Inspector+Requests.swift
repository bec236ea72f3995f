internal import BatonConfiguration
internal import CacheRefresh
internal import Formatting
internal import GroupState
internal import RedisClient

/// The person who requests something of a group, and why.
package struct Requester: Hashable, Sendable {
    /// The operator's name, such as `anna@laptop`.
    package let name: String
    /// May be empty.
    package let reason: String

    package init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }
}

/// The progress of an operator's request, in lines for people.
package struct RequestProgress: Sendable {
    package let tell: @Sendable (String) -> Void

    /// - Parameter tell: is given each line as soon as there is something to say.
    package init(_ tell: @escaping @Sendable (String) -> Void) { self.tell = tell }
}

extension Inspector {
    /// Makes the leader resign, so that another replica is elected.
    ///
    /// - Parameters:
    ///   - successor: the replica that is to lead next; nil for any. For a moment no other is elected.
    ///   - patience: how long to wait until another term is led; nil: don't wait.
    /// - Returns: `done`, `no` if it is refused, `timedOut` if nobody else was elected in time. Asking twice does no
    ///   harm.
    /// - Throws: `RedisError`; ``InspectionError`` if keys of the group are damaged.
    package func stepDown(
        for successor: String?, _ requester: Requester, patience: Duration?, _ progress: RequestProgress
    ) async throws -> ExitStatus {
        try await withRedis(configuration.lease.redis) { redis in
            let begin = ContinuousClock.now
            let answer = try await request(
                redis, "step-down", requester, [successor ?? "", "\(Membership.freshness.milliseconds)"])
            let epoch: String
            switch answer.word {
            case "REQUESTED", "ALREADY":
                epoch = try answer.field(0)
                progress.tell("before     \(try answer.field(1).shown) leads with epoch \(epoch)")
                let heir = successor.map { " for \($0.shown)" } ?? ""
                let again = answer.word == "ALREADY" ? ", as was requested before" : ""
                progress.tell("requested  that it steps down\(heir)\(again)" + StatusReport.because(requester.reason))
            case "LEADS-ALREADY":
                progress.tell(
                    "before     \(try answer.field(1).shown) leads with epoch \(try answer.field(0)): nothing to do")
                return .done
            case "NOBODY-LEADS":
                progress.tell("refused  Nobody leads, so nobody can step down. See `baton status`.")
                return .no
            case "NOBODY-ELSE":
                progress.tell(
                    "refused  \(try answer.field(0).shown) is the only replica that was seen lately: nobody could lead after it. "
                        + "Start another one first.")
                return .no
            case "UNKNOWN-REPLICA":
                progress.tell(
                    "refused  No follower \((successor ?? "").quoted) was seen lately. There are: "
                        + answer.fields.sorted().map(\.shown).joined(separator: ", ") + ".")
                return .no
            default:
                throw InspectionError(
                    .internalError, "Redis answered \(answer.word.quoted), which the scripts never do.")
            }
            guard let patience else { return .done }
            let view = try await waited(redis, patience) { $0.leader.map { $0.epoch != epoch } ?? false }
            guard let leader = view?.leader else {
                progress.tell("after      nobody else leads yet; see `baton status`")
                return .timedOut
            }
            let time = (ContinuousClock.now - begin).milliseconds
            progress.tell("after      \(leader.name.shown) leads with epoch \(leader.epoch), \(time) ms later")
            guard let successor, successor != leader.name else { return .done }
            progress.tell("         \(successor.shown) did not take the lease in time; see its log")
            return .no
        }
    }

    /// Lets the group write nothing for a while: whoever leads goes on leading, and finishes the passes that have
    /// begun.
    ///
    /// - Parameter patience: how long to wait until nothing is written any more.
    /// - Returns: `done`, or `timedOut` if passes still went on after that.
    /// - Throws: as ``stepDown(for:_:patience:_:)``.
    package func pause(
        for span: Duration, _ requester: Requester, patience: Duration, _ progress: RequestProgress
    ) async throws -> ExitStatus {
        try await withRedis(configuration.lease.redis) { redis in
            let answer = try await request(redis, "pause", requester, ["\(span.milliseconds)"])
            let (end, before) = (try answer.milliseconds(0), try answer.field(1))
            let was = Int64(before).map { "paused until \(WallClock($0).date)" } ?? "not paused"
            progress.tell("before     \(was)")
            progress.tell(
                "requested  a pause until \(WallClock(end.milliseconds).date)" + StatusReport.because(requester.reason))
            let expiring = expiring(within: span)
            if !expiring.isEmpty {
                progress.tell(
                    "note       TTLs are not renewed meanwhile: keys of \(Wording.list(expiring)) may expire before "
                        + "it ends")
            }
            let view = try await waited(redis, patience) { view in
                guard let leader = view.leader else { return true }
                return view.present.contains { $0.epoch == leader.epoch && $0.pause == .paused }
            }
            guard let view else {
                progress.tell("after      passes that had begun still go on; see `baton status`")
                return .timedOut
            }
            progress.tell(
                "after      "
                    + (view.leader.map { "\($0.name.shown) leads and writes nothing" }
                        ?? "nobody leads, nothing is written"))
            return .done
        }
    }

    /// The datasets whose keys may expire within such a time if nobody renews them, which happens at half their TTL.
    private func expiring(within span: Duration) -> [String] {
        configuration.datasets.filter { dataset in
            dataset.isEnabled && dataset.mode == .upsert && dataset.ttl * (1 - dataset.ttlJitter) / 2 < span
        }.map(\.name)
    }

    /// Ends a pause.
    ///
    /// - Returns: `done`, also if there was none.
    /// - Throws: as ``stepDown(for:_:patience:_:)``.
    package func resume(_ requester: Requester, _ progress: RequestProgress) async throws -> ExitStatus {
        try await withRedis(configuration.lease.redis) { redis in
            let answer = try await request(redis, "resume", requester, [])
            if let end = Int64(try answer.field(0)) {
                progress.tell("before     paused until \(WallClock(end).date)")
                progress.tell("after      the leader goes on" + StatusReport.because(requester.reason))
            } else {
                progress.tell("before     not paused: nothing to do")
            }
            return .done
        }
    }

    // MARK: Asking and waiting

    private func request(
        _ redis: RedisClient, _ kind: String, _ requester: Requester, _ rest: [String]
    ) async throws -> ScriptAnswer {
        try await ask(
            redis,
            ScriptCall(
                script: ElectionScript.request, keys: [keys.lease, keys.requests, keys.replicas, keys.events],
                arguments: [kind, requester.name, requester.reason, keys.requested] + rest))
    }

    /// Calls a script on behalf of an operator.
    ///
    /// - Throws: `RedisError`; ``InspectionError`` if the script refuses, as it does for keys of another type.
    func ask(_ redis: RedisClient, _ call: ScriptCall) async throws -> ScriptAnswer {
        let value = try await redis.run(call)
        do throws(LeaseError) {
            let answer = try ScriptAnswer(value)
            if let refusal = try LeaseError(refusal: answer) { throw refusal }
            return answer
        } catch {
            throw InspectionError(.configuration, KeyText.harmless("\(error.message) (\(error.detail))"))
        }
    }

    /// What the group looks like as soon as it is as wanted; nil if it is not in time.
    private func waited(
        _ redis: RedisClient, _ patience: Duration, _ isWanted: (GroupView) -> Bool
    ) async throws -> GroupView? {
        let end = ContinuousClock.now + patience
        while true {
            let view = try await view(redis)
            if isWanted(view) { return view }
            guard ContinuousClock.now < end else { return nil }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

internal import CacheRefresh
package import GroupState
package import LeaderElection
package import Logging
package import NIOCore
package import RedisClient

/// The lease in Redis, as the election asks about it. Its connection serves the election only: no batch ever queues
/// before a renewal.
package struct LeaseStore: Sendable {
    let keys: GroupKeys
    let holder: String
    let deployment: String
    let timing: ElectionTiming
    /// Whether a leader is succeeded as soon as its process is gone, on the evidence of its connections.
    let detectsCrashes: Bool
    private let client: RedisClient
    /// The client that only listens.
    private let listener: RedisClient

    /// - Parameters:
    ///   - redis: where the lease is. Its timeouts and back-off are replaced by what the timing asks for.
    ///   - keys: the group's.
    ///   - holder: this replica's name, for people.
    ///   - deployment: what fills the cache (PostgreSQL's system identifier, the database, the group). A lease that
    ///     bears another is refused.
    ///   - detectsCrashes: whether this replica succeeds a leader whose process is gone before the lease runs out, and
    ///     lets others do so; else only the TTL counts.
    ///   - eventLoop: used for nothing but the lease.
    package init(
        redis: RedisConfiguration, keys: GroupKeys, holder: String, deployment: String, timing: ElectionTiming,
        detectsCrashes: Bool = true, eventLoop: any EventLoop, logger: Logger
    ) {
        var configuration = redis
        // A connection takes some round trips (TCP, TLS, to log in), each of which may take as long as a renewal.
        configuration.connectTimeout = timing.renewTimeout * 4
        configuration.commandTimeout = timing.renewTimeout
        // The scripts are loaded before the first question, which has no time for that.
        configuration.scripts = [
            ElectionScript.acquire, ElectionScript.renew, ElectionScript.resign, ElectionScript.present,
            ElectionScript.lost,
        ]
        // No answer about a lease is long, and whoever can write into the group's keys must not fill our memory.
        configuration.maximumReplyBytes = 1 << 20
        // The elector backs off by itself, and a leader has little time.
        configuration.backoff = RedisBackoff(initial: timing.retryDelay / 4, maximum: timing.retryDelay)
        self.keys = keys
        self.holder = holder
        self.deployment = deployment
        self.timing = timing
        self.detectsCrashes = detectsCrashes
        let admit: RedisClient.Admission = { connection throws(RedisError) in
            try await RedisNature.admit(
                connection, for: RedisTrial(keys: keys, holdsLease: true), timeout: timing.renewTimeout)
        }
        client = RedisClient(configuration, eventLoop: eventLoop, logger: logger, admit: admit)
        configuration.scripts = []
        configuration.subscriptionPing = timing.renewEvery
        listener = RedisClient(configuration, eventLoop: eventLoop, logger: logger, admit: admit)
    }

    /// The answer to a request for the lease: never `failed`.
    package struct Acquisition: Sendable {
        package let answer: AcquireAnswer
        /// How long the group is to pause, if the lease was acquired.
        var pause: Duration = .zero
    }

    /// Asks for the lease.
    ///
    /// - Parameters:
    ///   - suspect: the term whose leader seems to be gone; its lease is taken over if nobody listens to its channel.
    ///   - isHeard: whether somebody listens to the channel of `token`, so that others may rely on it.
    /// - Throws: ``LeaseError`` if that is not known, or if a lease is there that cannot be competed for.
    package func acquire(
        _ token: Token, floor: Epoch, suspect: Token? = nil, isHeard: Bool = false
    ) async throws(LeaseError) -> Acquisition {
        let answer = try await ask(
            ElectionScript.acquire, keys: [keys.lease, keys.fence, keys.events, keys.suspect, keys.requests],
            [
                holder, "\(token)", "\(timing.ttlMilliseconds)", "\(floor)", deployment, keys.elected, flag(isHeard),
                suspect.map { "\($0)" } ?? "", suspect.map { keys.live($0) } ?? "", "\(LeaderWatch.grace.milliseconds)",
            ])
        switch answer.word {
        case "ACQUIRED":
            let lease = try lease(
                text: answer.field(0), epoch: answer.field(1), token: "\(token)", holder: holder,
                since: answer.field(2))
            return Acquisition(answer: .acquired(lease), pause: try answer.milliseconds(3))
        case "TAKEN":
            let (lease, remaining) = try taken(answer)
            return Acquisition(answer: .taken(lease, remaining: remaining))
        case "SUSPECTED":
            let (lease, grace) = try taken(answer)
            return Acquisition(answer: .suspected(lease, grace: grace))
        case "RESERVED":
            return Acquisition(answer: .reserved(remaining: try answer.milliseconds(1)))
        default:
            throw try LeaseError(refusal: answer) ?? .unexpectedAnswer(answer.word)
        }
    }

    /// The answer to a renewal.
    package struct Renewal: Sendable {
        package let answer: RenewAnswer
        /// What the fence beside the lease said; nil if it was missing or unreadable, or the lease not ours.
        package var fence: FenceState?
        /// The requests of operators to the leader.
        package var requests = LeaderRequests()
        /// What stands in the lease's place and cannot be competed for; nil if nothing of the kind does.
        package var obstacle: LeaseError?
    }

    /// Prolongs the lease.
    ///
    /// - Parameter isHeard: whether somebody listens to the term's channel now.
    /// - Throws: ``LeaseError`` if it is not known whether the lease is still ours.
    package func renew(_ lease: Lease, isHeard: Bool = false) async throws(LeaseError) -> Renewal {
        let answer = try await ask(
            ElectionScript.renew, keys: [keys.lease, keys.fence, keys.suspect, keys.requests],
            [
                lease.text, "\(timing.ttlMilliseconds)", deployment, "\(lease.epoch)", "\(lease.token)",
                flag(isHeard),
            ])
        switch answer.word {
        case "RENEWED":
            return Renewal(
                answer: .renewed, fence: FenceState(answer.fields.prefix(3)),
                requests: try LeaderRequests(answer, from: 3))
        case "GONE":
            return Renewal(answer: .gone)
        case "TAKEN":
            let (lease, remaining) = try taken(answer)
            return Renewal(answer: .taken(lease, remaining: remaining))
        default:
            guard let obstacle = try LeaseError(refusal: answer) else { throw .unexpectedAnswer(answer.word) }
            return Renewal(answer: .gone, obstacle: obstacle)
        }
    }

    /// Gives the lease up if it is ours, and lets no write of its term be accepted any more.
    ///
    /// - Parameter successor: the replica that an operator requests to lead next; for a while no other is elected.
    /// - Returns: whether it was ours.
    /// - Throws: ``LeaseError`` if it is not known whether that was done.
    package func resign(_ lease: Lease, _ reason: EndReason, for successor: String = "") async throws(LeaseError)
        -> Bool
    {
        let answer = try await ask(
            ElectionScript.resign, keys: [keys.lease, keys.fence, keys.events, keys.requests],
            [
                lease.text, "\(lease.epoch)", "\(lease.token)", holder, "\(reason)", keys.released, successor,
                "\(timing.renewEvery.milliseconds)",
            ])
        switch answer.word {
        case "RESIGNED": return true
        case "NOT-OURS": return false
        default: throw .unexpectedAnswer(answer.word)
        }
    }

    /// Appends to the group's history that a term was lost, which the script that ended it could not do.
    package func recordLost(_ term: Term, _ reason: EndReason) async {
        // The history may lack an entry; the log has it.
        _ = try? await ask(
            ElectionScript.lost, keys: [keys.events, keys.fence],
            [holder, "\(term.epoch)", "\(term.token)", "\(reason)"])
    }

    /// Listens for releases of the lease and for requests, on a connection of its own; and on the channel that bears the
    /// token, to be heard itself.
    func listen(as token: Token) -> RedisSubscription {
        listener.subscribe(to: [keys.released, keys.requested, keys.live(token)])
    }

    /// Whether somebody listens to the channel of this term's leader.
    ///
    /// - Returns: true as well if this cannot be told: our own connection is so young that both may have been lost for
    ///   one reason, such as a restart of Redis.
    func isHeard(_ leader: Token) async throws(LeaseError) -> Bool {
        do throws(RedisError) {
            let connection = try await client.connection(timeout: timing.renewTimeout)
            let answer = try await connection.send(
                RedisCommand("PUBSUB", "NUMSUB", keys.live(leader)), timeout: timing.renewTimeout)
            return answer.array?.last?.int != 0 || ContinuousClock.now - connection.openedAt < timing.ttl
        } catch {
            throw LeaseError(error)
        }
    }

    /// Tells what this replica is, and learns what the others say of themselves.
    package func present(_ replicaInfo: ReplicaInfo) async throws(LeaseError) -> Membership {
        try Membership(
            try await ask(ElectionScript.present, keys: [keys.replicas], [replicaInfo.id, replicaInfo.members]))
    }

    /// Tells the group that this replica will not be there any more.
    package func leave(_ replicaInfo: ReplicaInfo) async {
        // If it can't be told, the others see that it is silent.
        _ = try? await client.send(RedisCommand("HDEL", keys.replicas, replicaInfo.id), timeout: timing.renewTimeout)
    }

    package func close() async { await client.close() }

    /// Whether a connection for renewals is open.
    package var isConnected: Bool { client.isConnected }

    // MARK: Asking

    private func ask(
        _ script: RedisScript, keys: [String], _ arguments: [String]
    ) async throws(LeaseError) -> ScriptAnswer {
        let value: RedisValue
        do throws(RedisError) {
            value = try await client.evaluate(script, keys: keys, arguments: arguments, timeout: timing.renewTimeout)
        } catch {
            throw LeaseError(error)
        }
        return try ScriptAnswer(value)
    }

    private func flag(_ isHeard: Bool) -> String { isHeard && detectsCrashes ? "1" : "0" }

    private func taken(_ answer: ScriptAnswer) throws(LeaseError) -> (Lease, Duration) {
        let left = try answer.milliseconds(1)
        let lease = try lease(
            text: answer.field(0), epoch: answer.field(2), token: answer.field(3), holder: answer.field(4),
            since: answer.field(5))
        return (lease, left)
    }

    private func lease(
        text: String, epoch: String, token: String, holder: String, since: String
    ) throws(LeaseError) -> Lease {
        guard let epoch = Epoch(epoch), let token = Token(token), let since = Int64(since) else {
            throw .unexpectedAnswer(text)
        }
        return Lease(text: text, epoch: epoch, token: token, holder: holder, sinceMilliseconds: since)
    }
}

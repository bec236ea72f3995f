public import LeaderElection
public import Logging
public import NIOCore
public import RedisClient

/// The lease in Redis, as the election wants to ask about it. It has a connection of its own: nothing else ever queues before
/// a renewal.
public struct LeaseStore: Sendable {
    let keys: GroupKeys
    let holder: String
    let deployment: String
    let timing: ElectionTiming
    private let client: RedisClient
    /// Only listens.
    private let listener: RedisClient

    /// - Parameters:
    ///   - redis: where the lease is. Its timeouts and back-off are replaced by what the timing asks for.
    ///   - keys: the group's.
    ///   - holder: this replica's name, for people.
    ///   - deployment: what fills the cache (PostgreSQL's system identifier, the database, the group). A lease that bears
    ///     another is refused.
    ///   - eventLoop: used for nothing but the lease.
    public init(
        redis: RedisConfiguration, keys: GroupKeys, holder: String, deployment: String, timing: ElectionTiming,
        eventLoop: any EventLoop, logger: Logger
    ) {
        var configuration = redis
        configuration.connectTimeout = timing.renewTimeout
        configuration.commandTimeout = timing.renewTimeout
        // The elector backs off by itself, and a leader has little time.
        configuration.backoff = RedisBackoff(initial: timing.retryDelay / 4, maximum: timing.retryDelay)
        self.keys = keys
        self.holder = holder
        self.deployment = deployment
        self.timing = timing
        client = RedisClient(configuration, eventLoop: eventLoop, logger: logger)
        // Nothing but a little time is lost while releases are not heard.
        configuration.backoff = RedisBackoff(initial: timing.retryDelay, maximum: timing.renewEvery)
        listener = RedisClient(configuration, eventLoop: eventLoop, logger: logger)
    }

    /// Asks for the lease.
    ///
    /// - Returns: acquired or taken, never failed.
    /// - Throws: ``LeaseError`` if that is not known, or if a lease is there that cannot be competed for.
    func acquire(_ token: Token, floor: Epoch) async throws(LeaseError) -> AcquireAnswer {
        let answer = try await ask(
            ElectionScript.acquire, keys: [keys.lease, keys.fence, keys.events],
            [holder, "\(token)", "\(timing.ttlMilliseconds)", "\(floor)", deployment, keys.elected])
        switch answer.word {
        case "ACQUIRED":
            return .acquired(
                try lease(
                    text: answer.field(0), epoch: answer.field(1), token: "\(token)", holder: holder,
                    since: answer.field(2)))
        case "TAKEN":
            let (lease, remaining) = try taken(answer)
            return .taken(lease, remaining: remaining)
        default:
            throw try LeaseError(refusal: answer) ?? .unexpectedAnswer(answer.word)
        }
    }

    /// What a renewal found.
    struct Renewal: Sendable {
        let answer: RenewAnswer
        /// What the fence beside the lease said; nil if it was missing or unreadable, or the lease not ours.
        var fence: FenceState?
        /// Set if the lease is not ours any more and what is in its place cannot be competed for.
        var obstacle: LeaseError?
    }

    /// Prolongs the lease.
    ///
    /// - Throws: ``LeaseError`` if it is not known whether the lease is still ours.
    func renew(_ lease: Lease) async throws(LeaseError) -> Renewal {
        let answer = try await ask(
            ElectionScript.renew, keys: [keys.lease, keys.fence],
            [lease.text, "\(timing.ttlMilliseconds)", deployment])
        switch answer.word {
        case "RENEWED":
            return Renewal(answer: .renewed, fence: FenceState(answer.fields[...]))
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
    /// - Returns: whether it was ours.
    /// - Throws: ``LeaseError`` if it is not known whether that was done.
    func resign(_ lease: Lease, _ reason: EndReason) async throws(LeaseError) -> Bool {
        let answer = try await ask(
            ElectionScript.resign, keys: [keys.lease, keys.fence, keys.events],
            [lease.text, "\(lease.epoch)", "\(lease.token)", holder, "\(reason)", keys.released])
        switch answer.word {
        case "RESIGNED": return true
        case "NOT-OURS": return false
        default: throw .unexpectedAnswer(answer.word)
        }
    }

    /// Appends to the group's history that a term was lost, which no script could do.
    func recordLost(_ term: Term, _ reason: EndReason) async {
        let command = RedisCommand(
            "XADD", keys.events, "MAXLEN", "~", "10000", "*", "event", "lost", "holder", holder,
            "epoch", "\(term.epoch)", "token", "\(term.token)", "reason", "\(reason)")
        // The history may lack an entry; the log has it.
        _ = try? await client.send(command, timeout: timing.renewTimeout)
    }

    /// Listens for releases of the lease, on a connection of its own.
    func listen() -> RedisSubscription { listener.subscribe(to: [keys.released]) }

    /// Closes the connection, so that the next request opens another.
    func reconnect() async {
        guard let connection = try? await client.connection(timeout: .zero) else { return }
        await connection.close()
    }

    func close() async { await client.close() }

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

    private func taken(_ answer: ScriptAnswer) throws(LeaseError) -> (Lease, Duration) {
        guard let left = Int64(try answer.field(1)) else { throw .unexpectedAnswer("\(answer.fields)") }
        let lease = try lease(
            text: answer.field(0), epoch: answer.field(2), token: answer.field(3), holder: answer.field(4),
            since: answer.field(5))
        return (lease, .milliseconds(left))
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

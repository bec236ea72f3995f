package import CacheRefresh
internal import CoreMetrics
package import ElectionRuntime
package import GroupState
internal import LeaderElection
package import Logging
package import RedisClient
package import Telemetry

/// A leader's hold on one target: it numbers the batches so that each continues the one before, and Redis refuses
/// every batch that does not, whoever sends it and whenever it arrives.
///
/// Batches are sent in the order in which they are handed over, several in flight on one connection. After anything
/// that leaves a doubt (a gap, a lost script, a timeout, a new connection) the chain is broken: all that was not
/// acknowledged counts as lost, and the next batch waits until `sync` has set the fence past everything ever sent.
package actor Fence {
    /// Why a batch was not acknowledged.
    enum Failure: Error {
        /// Another term holds the fence: this one is over, whatever it thinks of its lease.
        case fenced(epoch: String)
        /// The lease is not this term's any longer.
        case leaseLost
        /// A target without the lease has seen a higher epoch than this term's, and will never take its writes: only a
        /// new term can help, with an epoch above that one.
        case outranked(by: Epoch)
        /// A batch before this one is missing, or Redis lost data: to be sent again.
        case gap
        case redis(RedisError)

        /// Redis takes no argument as long as one of this batch, and has closed the connection; what followed on it was
        /// not carried out.
        var isOversize: Bool {
            if case .redis(let error) = self {
                error.serverError?.message.contains("invalid bulk length") ?? false
            } else {
                false
            }
        }

        /// Redis is full: it takes no writes, only what frees memory.
        var isShortage: Bool {
            if case .redis(let error) = self { error.serverError?.kind == .outOfMemory } else { false }
        }
    }

    /// A batch on its way.
    package struct Sent: Sendable {
        fileprivate let reply: RedisPendingReply
        fileprivate let chain: Int
        fileprivate let sequence: Int64
        /// The size of the command.
        let byteCount: Int
    }

    private struct Chain {
        let number: Int
        let connection: RedisConnection
        let scriptSHA: String
    }

    private let keys: GroupKeys
    /// Named in the lease; nil at a target that does not hold the lease, where epochs are compared instead.
    private let deployment: String?
    private let term: LeadershipTerm
    private let redis: RedisClient
    private let logger: Logger
    private let script: RedisScript
    private let timeout: Duration
    private let instruments: Instruments
    private let acknowledged: @Sendable () -> Void

    private var chain: Chain?
    /// How often the chain was mended.
    private(set) var chainCount = 0
    private var repair: Task<Void, any Error>?
    /// The highest sequence ever sent, and the highest that was acknowledged.
    private var lastSent: Int64 = 0
    private var lastAcknowledged: Int64 = 0
    private var acknowledgedAt = ContinuousClock.now
    /// How often Redis was seen to have lost what it had acknowledged. Whoever remembers an older number forgets what
    /// it knows of the cache.
    package private(set) var losses = 0

    /// - Parameters:
    ///   - script: another one than `write.lua` only where a test shows what would happen without its guards.
    ///   - timeout: how long Redis may take for a batch before the connection counts as dead.
    ///   - acknowledged: called whenever Redis has done what it was asked for.
    package init(
        keys: GroupKeys, deployment: String?, term: LeadershipTerm, redis: RedisClient, logger: Logger,
        script: RedisScript = WriteScript.script, timeout: Duration = .seconds(5),
        instruments: Instruments = .discarded,
        acknowledged: @escaping @Sendable () -> Void = {}
    ) {
        self.keys = keys
        self.deployment = deployment
        self.term = term
        self.redis = redis
        self.logger = logger
        self.script = script
        self.timeout = timeout
        self.instruments = instruments
        self.acknowledged = acknowledged
        // A renewal looks at the fence beside the lease, and at no other.
        guard deployment != nil else { return }
        term.onRenewal { [weak self] renewal in Task { await self?.renewed(renewal) } }
    }

    /// Sends a batch behind all others.
    ///
    /// - Parameter losses: how often Redis had lost data when the pass of the batch began; nil where that is the same.
    /// - Throws: ``Failure``; it is `gap` if Redis has lost data since, and with it what the pass wrote before.
    package func send(_ batch: WriteBatch, losses: Int? = nil) async throws -> Sent {
        let chain = try await mendedChain()
        if let losses, losses != self.losses { throw Failure.gap }
        let previous = lastSent
        lastSent += 1
        let command = WriteScript.command(
            scriptSHA: chain.scriptSHA, fenceKey: keys.fence, epoch: term.epoch, token: term.token, previous: previous,
            next: lastSent,
            batch: batch)
        return Sent(
            reply: chain.connection.submit(command, timeout: timeout), chain: chain.number, sequence: lastSent,
            byteCount: command.byteCount)
    }

    /// Waits for the answer to a batch.
    ///
    /// - Throws: ``Failure``; the batch, and each one that was sent behind it, then has to be sent again.
    package func outcome(of sent: Sent) async throws -> BatchOutcome {
        do {
            let answer = try WriteAnswer(await sent.reply.value())
            switch answer {
            case .done(let outcome):
                acknowledge(sent.sequence)
                return outcome
            case .gap:
                throw Failure.gap
            case .fenced(let epoch):
                instruments.staleWritesRejected.increment()
                if let epoch = Epoch(epoch) { term.observed(epoch) }
                throw Failure.fenced(epoch: epoch)
            }
        } catch {
            breakChain(sent.chain)
            throw (error as? RedisError).map(Failure.redis) ?? error
        }
    }

    /// Mends the chain where it is broken, even if nothing is to be sent: a Redis that was restarted may have lost data,
    /// and so has one whose fence is behind what was acknowledged. Before anything is written, this raises the fence for
    /// the term: the first `sync`.
    package func verify() async throws {
        _ = try await mendedChain()
    }

    /// Breaks the chain if a renewal found the fence behind what had been acknowledged before it was asked. What was
    /// acknowledged since then, the renewal may not have seen.
    package func renewed(_ renewal: LeadershipTerm.Renewal) {
        guard renewal.askedAt > acknowledgedAt else { return }
        if isBehind(renewal.fence) { chain = nil }
    }

    /// Whether this state of the fence lacks what was acknowledged.
    private func isBehind(_ state: FenceState?) -> Bool {
        let isOurs = state?.epoch == term.epoch && state?.token == "\(term.token)"
        return !isOurs || state?.sequence ?? -1 < lastAcknowledged
    }

    private func acknowledge(_ sequence: Int64) {
        lastAcknowledged = max(lastAcknowledged, sequence)
        acknowledgedAt = .now
        acknowledged()
    }

    private func breakChain(_ number: Int) {
        if chain?.number == number { chain = nil }
    }

    /// The chain, mended first if it is broken; by one caller for all.
    private func mendedChain() async throws -> Chain {
        while true {
            guard term.isLive() else { throw Failure.leaseLost }
            if let chain, chain.connection.isOpen { return chain }
            if let repair {
                try await repair.value
                continue
            }
            let repair = Task { try await self.mend() }
            self.repair = repair
            defer { self.repair = nil }
            try await repair.value
        }
    }

    private func mend() async throws {
        chain = nil
        // Where the lease is not at hand, it is asked about first: a deposed leader must not raise its fence once more.
        if deployment == nil, await !term.confirmed() { throw Failure.leaseLost }
        do {
            let connection = try await redis.connection(timeout: timeout)
            let scriptSHA = try await connection.load(script, timeout: timeout)
            let next = lastSent + 1
            let call =
                deployment.map { FenceSync.atLease(keys, term.lease, next: next, deployment: $0) }
                ?? FenceSync.atTarget(keys, term.lease, next: next)
            lastSent = next
            switch try FenceSync.answer(try await connection.run(call, timeout: timeout)) {
            case .synced(let was):
                noteLoss(was)
            case .notOurs(let highest):
                if let highest { term.observed(highest) }
                if deployment == nil, let highest { throw Failure.outranked(by: highest) }
                throw Failure.leaseLost
            case .late:
                throw Failure.gap
            }
            acknowledge(next)
            chainCount += 1
            chain = Chain(number: chainCount, connection: connection, scriptSHA: scriptSHA)
        } catch let error as RedisError {
            throw Failure.redis(error)
        }
    }

    /// Redis forgot what it had acknowledged: it restarted from an older state, a replica was promoted, a key evicted.
    private func noteLoss(_ was: FenceState?) {
        guard chainCount > 0, isBehind(was) else { return }
        losses += 1
        logger.warning("redis lost data; everything is compared anew")
    }
}

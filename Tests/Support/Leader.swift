package import CacheRefresh
package import DatasetReading
package import ElectionRuntime
package import GroupState
internal import LeaderElection
package import PostgresClient
package import RedisClient
package import RefreshRuntime
internal import Synchronization
internal import Testing

/// The refresh of one dataset in one term, tick by tick.
package final class Leader {
    package let world: RefreshWorld
    package let pass: DatasetPass
    package let term: LeadershipTerm
    package var fence: Fence { pass.fence }
    package var connection: PostgresConnection
    package var state = DatasetPass.State()
    package var known: KnownDataset? { state.memory.known }
    /// What Redis said of the first key that it refused in the last pass.
    package private(set) var refusal: String?

    package init(_ world: RefreshWorld, pass: DatasetPass, term: LeadershipTerm, connection: PostgresConnection) {
        self.world = world
        self.pass = pass
        self.term = term
        self.connection = connection
    }

    /// One tick, as the daemon's loop does it.
    ///
    /// - Returns: what it did; nil if the gate skipped it.
    @discardableResult
    package func tick() async throws -> PassSummary? {
        if !connection.isUsable { connection = try await world.connect() }
        try await fence.verify()
        switch try await pass.tick(&state, on: connection) {
        case .skipped: return nil
        case .settled(let summary, _): return summary
        case .passed(let summary, let refusal):
            self.refusal = refusal
            return summary
        }
    }

    /// Ticks until one succeeds.
    ///
    /// - Returns: the texts of the errors before.
    @discardableResult
    package func tickUntilItWorks() async throws -> [String] {
        var texts: [String] = []
        try await world.wait(until: "a tick succeeds") {
            do {
                try await tick()
                return true
            } catch {
                texts.append(Problem(error).text)
                return false
            }
        }
        return texts
    }

    /// The text that people see of the next tick's error; nil if it succeeds.
    package func troubleOfNextTick() async -> String? {
        do {
            try await tick()
            return nil
        } catch {
            return Problem(error).text
        }
    }

    package var setAside: [SetAside] { known?.refresh.setAside ?? [] }
}

extension RefreshWorld {
    /// Takes the lease, whoever holds it.
    package func elect() async throws -> LeadershipTerm {
        try await command("DEL", keys.lease)
        var random = SystemRandomNumberGenerator()
        let patience = try ElectionTiming(
            ttl: .seconds(600), renewEvery: .seconds(60), renewTimeout: .seconds(20), retryDelay: .milliseconds(50),
            margin: .seconds(1), stopSendingWithin: .milliseconds(500))
        let store = LeaseStore(
            redis: RedisConfiguration(url: try RedisURL(redisURL)), keys: keys, holder: "test", deployment: "test",
            timing: patience, eventLoop: Self.eventLoop, logger: Self.quiet)
        let answer = try await store.acquire(Token(using: &random), floor: .zero).answer
        await store.close()
        guard case .acquired(let lease) = answer else { throw Unexpected("\(answer)") }
        return LeadershipTerm(lease: lease, deadline: .now + .seconds(600))
    }

    package func fence(of term: LeadershipTerm, script: RedisScript = WriteScript.script) throws -> Fence {
        Fence(
            keys: keys, deployment: "test", term: term, redis: try makeClient(), logger: Self.quiet, script: script,
            timeout: .seconds(20))
    }

    /// - Parameters:
    ///   - term: nil for a new one.
    ///   - fence: nil for one with a connection of its own.
    package func leader(
        of dataset: Dataset, term: LeadershipTerm? = nil, fence: Fence? = nil, on connection: PostgresConnection? = nil
    ) async throws -> Leader {
        let term = if let term { term } else { try await elect() }
        let connection = if let connection { connection } else { try await connect() }
        return Leader(
            self,
            pass: DatasetPass(
                dataset: dataset, keyPrefix: "", keys: keys,
                fence: try fence ?? self.fence(of: term), redis: redis, clock: { [clock] in clock.now }),
            term: term, connection: connection)
    }
}

extension LeadershipTerm {
    /// Tells the term what a renewal found that was sent just now.
    package func renew(_ fence: FenceState?, askedAt: ContinuousClock.Instant = .now) {
        prolong(until: .now + .seconds(600))
        renewed(Renewal(askedAt: askedAt, fence: fence))
    }
}

extension Dataset {
    /// A table with keys as the configuration writes them; the value is the row, or the column behind an `=`.
    package static func table(
        _ table: String, _ keys: [String], mode: WriteMode = .upsert, format: Format = .json,
        where condition: String? = nil, filter: String? = nil, identity: [String] = [],
        changes: ChangeDetection = .auto, every: Duration = .seconds(1), ttl: Duration = .seconds(24 * 3600),
        repeatLateAfter: Duration = .zero
    ) throws -> Dataset {
        Dataset(
            name: table, source: .table(table, where: condition, filter: filter), identity: identity,
            keys: try families(keys), format: format, mode: mode, changes: changes, every: every, ttl: ttl,
            repeatLateAfter: repeatLateAfter)
    }

    package static func query(
        _ query: String, name: String = "query", identity: [String], _ keys: [String], mode: WriteMode = .upsert
    ) throws -> Dataset {
        Dataset(
            name: name, source: .query(query), identity: identity, keys: try families(keys), mode: mode,
            repeatLateAfter: .zero)
    }

    private static func families(_ texts: [String]) throws -> [KeyFamily] {
        try texts.map { text in
            let parts = text.split(separator: "=")
            return KeyFamily(
                template: try KeyTemplate(String(parts[0])), value: parts.count > 1 ? .column(String(parts[1])) : .row)
        }
    }
}

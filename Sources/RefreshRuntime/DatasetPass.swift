package import CacheRefresh
package import DatasetReading
package import ElectionRuntime
package import GroupState
package import PostgresClient
package import RedisClient
internal import Telemetry

/// One tick of one dataset: asks the gate, reads, writes what differs.
package struct DatasetPass {
    package let dataset: Dataset
    let keyPrefix: String
    let keys: GroupKeys
    package let fence: Fence
    let redis: RedisClient
    let clock: @Sendable () -> Duration
    let meter: DatasetMeter
    let signs: SignsOfLife
    /// The keys that people took out of the cache; nil where nobody is asked.
    package var cleared: ClearedKeys?
    /// One walk over the keys for all datasets; nil where each looks for itself.
    var walk: SharedWalk?

    /// - Parameter meter: nil where nobody wants to know what it costs.
    package init(
        dataset: Dataset, keyPrefix: String, keys: GroupKeys, fence: Fence, redis: RedisClient,
        clock: @escaping @Sendable () -> Duration, cleared: ClearedKeys? = nil,
        walk: SharedWalk? = nil, meter: DatasetMeter? = nil,
        signs: SignsOfLife = SignsOfLife()
    ) {
        self.dataset = dataset
        self.keyPrefix = keyPrefix
        self.keys = keys
        self.fence = fence
        self.redis = redis
        self.clock = clock
        self.cleared = cleared
        self.walk = walk
        self.meter = meter ?? DatasetMeter(dataset.name, .discarded)
        self.signs = signs
    }

    /// The memory from tick to tick. Only the dataset's own loop touches it.
    package struct State {
        package var memory = DatasetMemory.nothing
        /// The history that was read; known also when nothing is known of the cache any longer.
        package let history = ReadHistory()
        /// How often Redis had lost data by the last tick.
        fileprivate var losses = 0
        /// The dataset whose brake holds, as known: a confirmation that is found from now on was given after it began to.
        fileprivate var held: KnownDataset?

        package init() {}
    }

    /// The outcome of a tick.
    package enum Outcome {
        /// The gate said that nothing can have changed, and nothing else was due.
        case skipped
        /// Nothing was read, but keys were renewed, deleted or invalidated once more.
        case settled(PassSummary, refusal: String?)
        case passed(PassSummary, refusal: String?)
    }

    /// - Parameter state: the memory of the ticks before.
    /// - Throws: ``ServerLag`` where nothing may be read now; the connection is then closed, so that the next one may
    ///   find another server.
    package func tick(_ state: inout State, on connection: PostgresConnection) async throws -> Outcome {
        let losses = await fence.losses
        if losses != state.losses { (state.memory, state.losses) = (.nothing, losses) }
        try await takeOperatorsWork(&state)
        // Forgotten before the question, which may fail: another server may answer the next one.
        let before = state.memory
        state.memory.doubt()
        let now = try await Snapshot.take(on: connection)
        if case .complete(let known, let snapshot) = before, known.binding.gateObstacle == nil,
            !known.refresh.needsRead(at: clock()), now.showsNothingNew(since: snapshot)
        {
            state.memory = before
            return try await settle(known, state, now)
        }
        do {
            return try await pass(&state, now, on: connection)
        } catch let lag as ServerLag {
            await connection.close()
            throw lag
        }
    }

    /// Takes note of what people took out of the cache, and of what they say of deletions that the brake holds.
    private func takeOperatorsWork(_ state: inout State) async throws {
        let known = state.memory.known
        if dataset.mode == .upsert, let cleared {
            switch try await cleared.take(for: dataset.name) {
            case .none: break
            case .keys(let keys): for key in keys { known?.refresh.doubt(key: key) }
            case .everything: known?.refresh.doubtEverything()
            }
        }
        if let known, known.refresh.brake.isHolding {
            try await applyConfirmation(known, &state)
        } else {
            state.held = nil
        }
    }

    /// Reads, and writes what differs.
    ///
    /// - Parameter now: where the server was before.
    private func pass(
        _ state: inout State, _ now: Snapshot, on connection: PostgresConnection
    ) async throws -> Outcome {
        let (before, history, losses) = (state.memory.known, state.history, state.losses)
        if before == nil { history.announceAgain() }
        try await history.findReached(readReached)
        // A pass is a first one also when one failed half-way: what is left of it is done as that one would have done
        // it.
        let isFirst = before.map { $0.refresh.opening != .over } ?? true
        let isFlagging = isFirst && dataset.mode == .invalidate
        let own = before?.refresh.reachedMark
        let left = own == nil && isFirst && dataset.keepsMark ? try await readMark() : nil
        // A read may be opened more than once before it shows all rows.
        var isContinued = true
        var plan = PassDriver<SnapshotSource>.Plan(
            admit: { snapshot in
                if try history.judge(snapshot, at: clock()) {
                    before?.refresh.doubtWhatOthersRead()
                    isContinued = false
                }
                // Rows that are looked at for nothing cost little; keys that are believed for nothing stay wrong.
                guard isFlagging else { return (left ?? own)?.carried(to: snapshot) }
                return left ?? (isContinued ? own?.carried(to: snapshot) : nil)
            },
            forEachPageOfKeys: forEachPageOfKeys)
        if before == nil, try await inventory.isEmpty(but: keys.all) { plan.opening = .writing }
        plan.isFlagging = isFlagging
        plan.heard = { [signs] in signs.heard(SignsOfLife.postgres) }
        // The history is judged when the read is open, before there is a batch.
        var pipeline = makePipeline(losses) { announcement(history) }
        let done = try await driver.run(plan, &state.memory, on: connection, into: &pipeline)
        return try await counted(done.known) {
            if let shortage = pipeline.shortage { throw shortage }
            if pipeline.hasAnnounced { history.announced() }
            state.memory = .complete(done.known, done.snapshot.noted(at: now))
            if dataset.keepsMark {
                let source = DatasetSource(dataset: dataset, keyPrefix: keyPrefix)
                done.known.refresh.passed(source.mark(done.known.binding, at: done.snapshot), since: done.since)
            }
            let markRefusal = try await writeMark(done.known, done.snapshot, losses)
            return .passed(done.known.refresh.summary, refusal: pipeline.refusal ?? markRefusal)
        }
    }

    /// A tick that reads nothing: renewals, repetitions and what the brake lets go.
    private func settle(_ known: KnownDataset, _ state: State, _ now: Snapshot) async throws -> Outcome {
        let (history, losses) = (state.history, state.losses)
        guard known.refresh.hasDueWork(at: clock()) else {
            _ = try await writeMark(known, now, losses)
            return .skipped
        }
        var pipeline = makePipeline(losses) { announcement(history) }
        try await driver.settle(known, into: &pipeline)
        return try await counted(known) {
            if let shortage = pipeline.shortage { throw shortage }
            if pipeline.hasAnnounced { history.announced() }
            _ = try await writeMark(known, now, losses)
            return .settled(known.refresh.summary, refusal: pipeline.refusal)
        }
    }

    /// Counts what a pass did also if what follows it fails; a pass that is given up was counted by its pipeline.
    private func counted(_ known: KnownDataset, _ body: () async throws -> Outcome) async throws -> Outcome {
        do {
            return try await body()
        } catch {
            meter.worked(known.refresh.summary)
            throw error
        }
    }

    /// - Parameters:
    ///   - losses: as of ``BatchPipeline``.
    ///   - announce: what goes before the first batch; see there.
    func makePipeline(_ losses: Int, announce: @escaping () -> WriteBatch? = { nil }) -> BatchPipeline {
        BatchPipeline(fence: fence, losses: losses, clock: clock, meter: meter, announce: announce)
    }

    private var driver: PassDriver<SnapshotSource> {
        PassDriver(
            dataset: dataset, keyPrefix: keyPrefix,
            source: SnapshotSource(dataset: dataset, keyPrefix: keyPrefix), clock: clock)
    }

    /// Calls `body` with the keys that are there: rows may have been deleted while nobody led.
    private func forEachPageOfKeys(
        _ known: KnownDataset, _ body: ([[UInt8]]) async throws -> Void
    ) async throws {
        func examine(_ keys: [[UInt8]]) async throws {
            let before = known.refresh.summary.keysDeleted
            try await body(keys)
            let deleted = known.refresh.summary.keysDeleted - before
            if deleted > 0 {
                try await Task.sleep(for: .seconds(1) * deleted / Inventory.deletionsPerSecond)
            }
        }
        // Where the application fills the cache, a key that came after somebody else's walk is wanted too.
        if dataset.mode == .upsert, let walk {
            try await walk.forEachPage(of: dataset, after: await fence.losses, inventory, examine)
        } else {
            try await inventory.forEachPage(matching: known.refresh.shape.scanPattern, examine)
        }
    }

    private var inventory: Inventory { Inventory(redis: redis) { [meter] in meter.sent(bytes: $0.byteCount) } }

    func ask(_ words: String...) async throws(RedisError) -> RedisValue {
        let command = RedisCommand(words)
        meter.sent(bytes: command.byteCount)
        return try await redis.send(command)
    }

    // MARK: The operator's confirmation

    /// Takes an operator's word that what the brake holds is right. One that was given before it held does not count.
    private func applyConfirmation(_ known: KnownDataset, _ state: inout State) async throws {
        let heldBefore = state.held === known
        let found = try await ask("HDEL", keys.requests, GroupKeys.confirmation(of: dataset.name)).int ?? 0
        state.held = known
        if found > 0 && heldBefore { known.refresh.confirmDeletions(at: clock()) }
    }
}

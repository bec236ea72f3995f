package import CacheRefresh
internal import DatasetReading
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
    /// What people took out of the cache; nil where nobody is asked.
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

    /// What is remembered from tick to tick. Only the dataset's own loop touches it.
    package final class Memory {
        package var refresh: DatasetRefresh
        var binding: DatasetSource.Binding
        /// Of the last pass that was completed; nil after one that failed.
        package var snapshot: Snapshot?
        /// A confirmation that is found from now on was given after the brake began to hold.
        var hasClearedConfirmation = false

        init(refresh: consuming DatasetRefresh, binding: DatasetSource.Binding) {
            self.refresh = refresh
            self.binding = binding
        }
    }

    /// What a tick did.
    package enum Outcome {
        /// The gate said that nothing can have changed, and nothing else was due.
        case skipped
        /// Nothing was read, but keys were renewed, deleted or invalidated once more.
        case settled(PassSummary, refusal: String?)
        case passed(PassSummary, refusal: String?)
    }

    /// - Parameters:
    ///   - memory: of the tick before; nil at first, and after Redis lost data. Replaced as needed.
    ///   - course: of the ticks before.
    /// - Throws: ``ServerLag`` where nothing may be read now; the connection is then closed, so that the next one may
    ///   find another server.
    package func tick(
        _ memory: inout Memory?, along course: Course, on connection: PostgresConnection
    ) async throws -> Outcome {
        if dataset.mode == .upsert, let cleared {
            switch try await cleared.take(for: dataset.name) {
            case .none: break
            case .keys(let keys): for key in keys { memory?.refresh.doubt(key: key) }
            case .everything: memory?.refresh.doubtEverything()
            }
        }
        if let memory {
            if memory.refresh.brake.isHolding {
                try await applyConfirmation(memory)
            } else {
                memory.hasClearedConfirmation = false
            }
        }
        // Forgotten before the question, which may fail: another server may answer the next one.
        let remembered = memory?.snapshot
        memory?.snapshot = nil
        let now = try await Snapshot.take(on: connection)
        if let memory, let remembered, memory.binding.gateObstacle == nil, !memory.refresh.needsRead(at: clock()),
            now.showsNothingNew(since: remembered)
        {
            memory.snapshot = remembered
            return try await settleOnly(memory, course, now)
        }
        if memory == nil { course.announceAgain() }
        try await course.findReached(readReached)
        // Also when a first pass failed half-way: what is left of it is done as that one would have done it.
        let isFirst = memory.map { $0.refresh.opening != .over } ?? true
        let own = memory?.refresh.reachedMark
        let left = own == nil && isFirst && dataset.keepsMark ? try await readMark() : nil
        let holdsNothing = memory == nil ? try await inventory.isEmpty(but: keys.all) : false
        let opening: DatasetRefresh.Opening = holdsNothing ? .writing : .comparing
        let known = memory
        let source = DatasetSource(dataset: dataset, keyPrefix: keyPrefix)
        var pipeline = BatchPipeline(fence: fence, clock: clock, meter: meter)
        var current: Memory?
        var markRefusal: String?
        var isContinued = true
        let isFlagging = isFirst && dataset.mode == .invalidate
        let admission = { (snapshot: Snapshot) throws -> Mark? in
            if try !admit(snapshot, known, course) { isContinued = false }
            // Rows that are looked at for nothing cost little; keys that are believed for nothing stay wrong.
            guard isFlagging else { return (left ?? own)?.carried(to: snapshot) }
            return left ?? (isContinued ? own?.carried(to: snapshot) : nil)
        }
        do {
            let (snapshot, since) = try await source.read(
                on: connection, known: known?.binding, isFlagging: isFlagging,
                admit: admission
            ) { reading in
                let memory = self.memory(known, for: reading.binding, opening: opening)
                current = memory
                pipeline.announcement = announcement(course)
                memory.refresh.beginPass(rowsAreFlagged: reading.rowsAreFlagged)
                while let chunk = try await reading.rows.next() {
                    signs.heard(SignsOfLife.postgres)
                    chunk.withUnsafeBytes { memory.refresh.take($0, at: clock()) }
                    try await pipeline.sendReady(&memory.refresh)
                }
                memory.refresh.endRead(at: clock())
                return (reading.snapshot, reading.since)
            }
            let memory = current!
            try await letGo(memory, connection)
            try await examineKeys(memory, &pipeline)
            memory.refresh.settle(at: clock())
            try await pipeline.sendReady(&memory.refresh)
            try await pipeline.drain(&memory.refresh)
            memory.refresh.finishPass()
            if let shortage = pipeline.shortage { throw shortage }
            course.announced(by: pipeline)
            memory.snapshot = snapshot.noted(at: now)
            if dataset.keepsMark {
                memory.refresh.passed(source.mark(memory.binding, at: snapshot), since: since)
            }
            markRefusal = try await writeMark(memory, snapshot)
        } catch let lag as ServerLag {
            await connection.close()
            throw lag
        } catch {
            if let current {
                pipeline.giveUp(&current.refresh)
                meter.worked(current.refresh.summary)
            }
            memory = current ?? memory
            throw error
        }
        memory = current
        return .passed(current!.refresh.summary, refusal: pipeline.refusal ?? markRefusal)
    }

    /// What is known of the cache, unless the dataset now looks different.
    private func memory(
        _ known: Memory?, for binding: DatasetSource.Binding, opening: DatasetRefresh.Opening
    ) -> Memory {
        if let known, known.refresh.shape == binding.shape {
            known.binding = binding
            return known
        }
        let memory = Memory(
            refresh: DatasetRefresh(
                dataset: dataset, shape: binding.shape, opening: opening, validatesUTF8: binding.validatesUTF8),
            binding: binding)
        // Rows outside the filter that changed before the columns did are still to be read.
        if let known, dataset.hasFilter {
            memory.refresh.goOn(from: known.refresh, fingerprint: "\(binding.fingerprint)")
        }
        return memory
    }

    /// A tick that reads nothing: renewals, repetitions and what the brake lets go.
    private func settleOnly(_ memory: Memory, _ course: Course, _ now: Snapshot) async throws -> Outcome {
        guard memory.refresh.hasDueWork(at: clock()) else {
            _ = try await writeMark(memory, now)
            return .skipped
        }
        var pipeline = BatchPipeline(fence: fence, clock: clock, meter: meter)
        pipeline.announcement = announcement(course)
        do {
            memory.refresh.settle(at: clock())
            try await pipeline.sendReady(&memory.refresh)
            try await pipeline.drain(&memory.refresh)
        } catch {
            pipeline.giveUp(&memory.refresh)
            meter.worked(memory.refresh.summary)
            throw error
        }
        memory.refresh.finishPass()
        if let shortage = pipeline.shortage {
            meter.worked(memory.refresh.summary)
            throw shortage
        }
        course.announced(by: pipeline)
        _ = try await writeMark(memory, now)
        return .settled(memory.refresh.summary, refusal: pipeline.refusal)
    }

    /// With a filter: rows that exist but have left it are forgotten, so that only deleted ones lose their keys.
    private func letGo(_ memory: Memory, _ connection: PostgresConnection) async throws {
        guard let unseen = memory.refresh.unseenIdentities, !unseen.isEmpty else { return }
        let source = DatasetSource(dataset: dataset, keyPrefix: keyPrefix)
        let chunkSize = 1000
        for start in stride(from: 0, to: unseen.count, by: chunkSize) {
            let identities = Array(unseen[start..<min(start + chunkSize, unseen.count)])
            for identity in try await source.existing(identities, binding: memory.binding, on: connection) {
                memory.refresh.letGo(identity: identity)
            }
        }
    }

    /// A new leader looks at the keys that are there: rows may have been deleted while nobody led.
    private func examineKeys(_ memory: Memory, _ pipeline: inout BatchPipeline) async throws {
        guard memory.refresh.wantsInventory else { return }
        func examine(_ keys: [[UInt8]]) async throws {
            let before = memory.refresh.summary.keysDeleted
            for key in keys { memory.refresh.examine(key: key, at: clock()) }
            try await pipeline.sendReady(&memory.refresh)
            let deleted = memory.refresh.summary.keysDeleted - before
            if deleted > 0 {
                try await Task.sleep(for: .seconds(1) * deleted / Inventory.deletionsPerSecond)
            }
        }
        // Where the application fills the cache, a key that came after somebody else's walk is wanted too.
        if dataset.mode == .upsert, let walk {
            try await walk.forEachPage(of: dataset, after: await fence.losses, inventory, examine)
        } else {
            try await inventory.forEachPage(matching: memory.refresh.shape.scanPattern, examine)
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
    private func applyConfirmation(_ memory: Memory) async throws {
        let field = "confirm:\(dataset.name)"
        let wasAsked = memory.hasClearedConfirmation
        let found = try await ask("HDEL", keys.requests, field).int ?? 0
        memory.hasClearedConfirmation = true
        if found > 0 && wasAsked { memory.refresh.confirmDeletions(at: clock()) }
    }
}

@testable import CacheRefresh

/// Runs passes of one dataset against a ``FakeRedis``, the way a leader does.
final class Leader {
    /// Where a pass is given up.
    enum Abort: Equatable {
        case afterChunk(Int)
        case afterRead
        case afterInventory
        case afterSettlingBatches(Int)
    }

    let redis: FakeRedis
    var refresh: DatasetRefresh
    /// Batches that are sent before the first of them is answered.
    var depth = 1
    private var inFlight: [(batch: WriteBatch, outcome: BatchOutcome?)] = []

    init(
        _ dataset: Dataset, _ redis: FakeRedis = FakeRedis(), opening: DatasetRefresh.Opening = .comparing,
        validatesUTF8: Bool = false, parts: TargetParts = .one
    ) throws {
        self.redis = redis
        self.refresh = DatasetRefresh(
            dataset: dataset,
            shape: try RowShape(dataset: dataset, identity: dataset.identity, available: Fixture.columns),
            opening: opening, validatesUTF8: validatesUTF8, parts: parts)
    }

    var summary: PassSummary { refresh.summary }
    var setAside: [SetAside] { refresh.setAside }
    var needsRead: Bool { refresh.needsRead(at: redis.now) }
    var isHolding: Bool { refresh.brake.isHolding }
    var hasDueWork: Bool { refresh.hasDueWork(at: redis.now) }
    var dueMark: Mark? { refresh.dueMark(at: redis.now, snapshot: Fixture.snapshot(horizon: .max)) }
    var isFirstPassDone: Bool { refresh.opening == .over }

    func advance(_ duration: Duration) { redis.now += duration }

    /// One pass over these rows, written as in ``Fixture/line(_:)``.
    ///
    /// - Parameters:
    ///   - identities: the rows that the pass asks for; nil: all rows.
    ///   - flags: which of the rows may have changed since the mark; nil: there is no mark.
    ///   - existing: identities that the database still has though the filter hides them.
    ///   - chunk: rows in one chunk.
    /// - Returns: whether it came to its end.
    @discardableResult
    func pass(
        _ rows: [String], of identities: [String]? = nil, flags: [Bool]? = nil, existing: Set<String> = [],
        chunk: Int = 3, abort: Abort? = nil
    ) -> Bool {
        redis.log = []
        redis.batches = []
        let scope = identities.map { ReadScope.identities($0.map { Array($0.utf8) }) } ?? .allRows
        refresh.beginPass(scope, rowsAreFlagged: flags != nil)
        var chunks = 0
        for start in stride(from: 0, to: rows.count, by: chunk) {
            if abort == .afterChunk(chunks) { return giveUp() }
            var bytes: [UInt8] = []
            for place in start..<min(start + chunk, rows.count) {
                if let flags { bytes += Array((flags[place] ? "t\t" : "f\t").utf8) }
                bytes += Fixture.line(rows[place])
            }
            bytes.withUnsafeBytes { refresh.take($0, at: redis.now) }
            sendReady()
            chunks += 1
        }
        if case .afterChunk = abort { return giveUp() }
        refresh.endRead(at: redis.now)
        if abort == .afterRead { return giveUp() }
        for identity in refresh.unseenIdentities ?? []
        where existing.contains(String(decoding: identity, as: UTF8.self)) {
            refresh.letGo(identity: identity)
        }
        if refresh.wantsInventory {
            for key in redis.keys {
                refresh.examine(key: Array(key.utf8), at: redis.now)
                sendReady()
            }
        }
        if abort == .afterInventory { return giveUp() }
        return settle(abort: abort)
    }

    /// A tick that reads nothing.
    @discardableResult
    func tick(abort: Abort? = nil) -> Bool {
        redis.log = []
        redis.batches = []
        return settle(abort: abort)
    }

    private func settle(abort: Abort?) -> Bool {
        refresh.settle(at: redis.now)
        if case .afterSettlingBatches(let count) = abort {
            for _ in 0..<count { if let batch = refresh.nextBatch(at: redis.now) { send(batch) } }
            return giveUp()
        }
        sendReady()
        // Answers may bring new work, as where a key that was kept is to be renewed at once.
        while !inFlight.isEmpty { answerOldest() }
        refresh.finishPass()
        return true
    }

    private func sendReady() {
        while let batch = refresh.nextBatch(at: redis.now) { send(batch) }
    }

    private func send(_ batch: WriteBatch) {
        while inFlight.count >= depth { answerOldest() }
        inFlight.append((batch, redis.execute(batch)))
        if depth == 1 { answerOldest() }
    }

    private func answerOldest() {
        let (batch, outcome) = inFlight.removeFirst()
        if let outcome {
            refresh.acknowledge(batch, outcome, at: redis.now)
        } else {
            refresh.lost(batch)
        }
    }

    private func giveUp() -> Bool {
        for (batch, _) in inFlight { refresh.lost(batch) }
        inFlight = []
        refresh.abandonPass()
        return false
    }
}

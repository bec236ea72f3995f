package import CacheRefresh
internal import GroupState
internal import PostgresClient
internal import RedisClient

/// Nothing may be read now: the server that answers lags behind what the cache was written from.
struct ServerLag: Error, Hashable, CustomStringConvertible {
    /// Of the log; nil where the server is on an earlier timeline.
    let bytes: UInt64?

    var description: String {
        let place = bytes.map { "\($0) bytes of its log" } ?? "a promotion"
        return "the server that answers is \(place) behind what was read already. Nothing is read from it until it has "
            + "caught up, for \(HistoryWatch.patience.components.seconds) s at most"
    }
}

/// What is remembered of the server that a dataset is read from, in this process and in Redis.
extension DatasetPass {
    /// The history that a dataset is read from, from tick to tick: known also when nothing is known of the cache any
    /// longer. Only the dataset's own loop touches it.
    package final class Course {
        fileprivate var watch: HistoryWatch?
        /// As Redis has it.
        fileprivate var written: ServerHistory?
        /// Another history went on in the last pass: from where, and from where on.
        private var change: (from: ServerHistory, to: ServerHistory)?

        package init() {}

        /// Redis may have lost what it was told.
        func announceAgain() { written = nil }

        /// Asks once for the history that the leader before had reached.
        func findReached(_ ask: () async throws -> ServerHistory?) async throws {
            guard watch == nil else { return }
            written = try await ask()
            watch = HistoryWatch(reached: written)
        }

        /// - Returns: whether another history goes on.
        /// - Throws: ``ServerLag``.
        fileprivate func judge(_ snapshot: Snapshot, at now: Duration) throws -> Bool {
            let before = watch?.reached
            switch watch?.judge(snapshot, at: now) {
            case .continues, nil: return false
            case .lags(let bytes): throw ServerLag(bytes: bytes)
            case .another:
                if let before { change = (before, snapshot.history) }
                return true
            }
        }

        /// What Redis was to be told went before what a pass wrote.
        func announced(by pipeline: BatchPipeline) {
            if pipeline.announcement == nil { written = watch?.reached }
        }

        /// The last change of the history; told once.
        package func takeChange() -> (from: ServerHistory, to: ServerHistory)? {
            defer { change = nil }
            return change
        }
    }

    /// Judges the history of the snapshot that a pass is about to read from.
    ///
    /// - Returns: whether it goes on from what was read before.
    /// - Throws: ``ServerLag``.
    func admit(_ snapshot: Snapshot, _ memory: Memory?, _ course: Course) throws -> Bool {
        let isAnother = try course.judge(snapshot, at: clock())
        if isAnother { memory?.refresh.doubtWhatOthersRead() }
        return !isAnother
    }

    // MARK: In Redis

    /// Says which history the next batch is written from; nil where Redis knows it.
    func announcement(_ course: Course) -> WriteBatch? {
        guard let reached = course.watch?.reached, reached != course.written else { return nil }
        return .reached(reached, by: dataset.name, key: keys.marks)
    }

    func readReached() async throws -> ServerHistory? {
        try await ask("HGET", keys.marks, WriteBatch.reachedField(of: dataset.name)).string.flatMap(ServerHistory.init)
    }

    func readMark() async throws -> Mark? {
        try await ask("HGET", keys.marks, dataset.name).string.flatMap(Mark.init)
    }

    /// - Parameter snapshot: the newest one of the server.
    /// - Returns: what Redis said, if it refused the mark.
    func writeMark(_ memory: Memory, _ snapshot: Snapshot) async throws -> String? {
        guard let mark = memory.refresh.dueMark(at: clock(), snapshot: snapshot) else { return nil }
        var pipeline = BatchPipeline(fence: fence, clock: clock, meter: meter)
        try await pipeline.send(.mark(mark, of: dataset.name, key: keys.marks), &memory.refresh)
        if let shortage = pipeline.shortage { throw shortage }
        return pipeline.refusal
    }
}

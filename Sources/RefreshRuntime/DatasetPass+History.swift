internal import CacheRefresh
internal import DatasetReading
internal import GroupState
internal import RedisClient

/// The notes in Redis on how far a dataset was read, for the next leader.
extension DatasetPass {
    /// Says which history the next batch is written from; nil where Redis knows it.
    func announcement(_ history: ReadHistory) -> WriteBatch? {
        history.unannounced.map { .reached($0, by: dataset.name, key: keys.marks) }
    }

    func readReached() async throws -> ServerHistory? {
        try await ask("HGET", keys.marks, WriteBatch.reachedField(of: dataset.name)).string.flatMap(ServerHistory.init)
    }

    func readMark() async throws -> Mark? {
        try await ask("HGET", keys.marks, dataset.name).string.flatMap(Mark.init)
    }

    /// - Parameters:
    ///   - snapshot: the newest one of the server.
    ///   - losses: as of ``BatchPipeline``.
    /// - Returns: what Redis said, if it refused the mark.
    func writeMark(_ known: KnownDataset, _ snapshot: Snapshot, _ losses: Int) async throws -> String? {
        guard let mark = known.refresh.dueMark(at: clock(), snapshot: snapshot) else { return nil }
        var pipeline = makePipeline(losses)
        try await pipeline.send(.mark(mark, of: dataset.name, key: keys.marks), &known.refresh)
        if let shortage = pipeline.shortage { throw shortage }
        return pipeline.refusal
    }
}

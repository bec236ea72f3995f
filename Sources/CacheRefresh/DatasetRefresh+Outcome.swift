/// What Redis made of the batches.
extension DatasetRefresh {
    /// Takes note of what became of a batch.
    public mutating func acknowledge(_ batch: WriteBatch, _ outcome: BatchOutcome, at now: Duration) {
        for failure in outcome.failures where batch.rows.indices.contains(failure.operation) {
            undo(failure.operation, of: batch)
        }
        for kept in outcome.kept where batch.rows.indices.contains(kept.operation) {
            summary.keysKept += 1
            summary.keysWritten -= 1
            let row = batch.rows[kept.operation]
            guard table.isRow(row) else { continue }
            let old = table[renewAt: row]
            scheduleRenewal(of: row, in: kept.ttlMilliseconds - ttlMilliseconds / 2, at: now)
            table[renewAt: row] = min(old, table[renewAt: row])
        }
        for operation in outcome.missing where batch.rows.indices.contains(operation) {
            if table.isRow(batch.rows[operation]) { markDirty(batch.rows[operation]) }
        }
    }

    /// Takes note of a batch whose fate is not known, or which was refused: all of it is done again.
    public mutating func lost(_ batch: WriteBatch) {
        for operation in batch.operations.indices { undo(operation, of: batch) }
    }

    /// Takes note of a batch of one key whose value is too large for Redis, whatever `maxValueBytes` says: its row is
    /// set aside, and so is each later one as large.
    public mutating func refuse(_ batch: WriteBatch, at now: Duration) {
        guard let row = batch.rows.first, batch.count == 1, table.isRow(row) else { return lost(batch) }
        let size = batch.arguments.lengths.max() ?? 0
        refusedBytes = min(refusedBytes, size)
        summary.keysWritten -= 1
        setAside(row, .refusedByRedis(bytes: size), at: now)
    }

    private mutating func undo(_ operation: Int, of batch: WriteBatch) {
        summary.keysFailed += 1
        let row = batch.rows[operation]
        switch batch.operations[operation] {
        case .delete:
            summary.keysDeleted -= 1
            doomed.insert(Array(batch.keys[operation]))
        case .touch, .touchHash:
            summary.keysRenewed -= 1
            guard table.isRow(row) else { return }
            table[renewAt: row] = 0
            nextRenewal = 0
        case .set, .compareAndSet, .setExisting, .setHash, .compareAndSetHash, .setExistingHash:
            summary.keysWritten -= 1
            if table.isRow(row) { markDirty(row) }
        case .mark:
            marks.lost()
        }
    }

    // MARK: Marks

    /// A pass was read and all that it found was acknowledged: the next leader may begin from here, once what is
    /// repeated was repeated.
    ///
    /// - Parameter since: the mark since which changed rows were read whatever the filter says; nil if they were not.
    public mutating func passed(_ mark: Mark, since: Mark? = nil) {
        marks.passed(mark, since: since, repetition: repetitions.queued)
    }

    /// The mark that may be written now, if any.
    ///
    /// - Parameter snapshot: the newest one of the server.
    public mutating func dueMark(at now: Duration, snapshot: Snapshot) -> Mark? {
        guard doomed.isEmpty, !isUnfinished else { return nil }
        return marks.due(done: repetitions.taken, snapshot: snapshot, at: now)
    }

    /// Takes over how far the same rows were read while they had other columns.
    ///
    /// - Parameter fingerprint: of the dataset as it is defined now.
    public mutating func goOn(from other: borrowing DatasetRefresh, fingerprint: String) {
        marks.goOn(from: other.marks, fingerprint: fingerprint)
    }

    /// A row that has not changed since is as this leader left it, unless its work is known to be unfinished.
    public var reachedMark: Mark? { marks.reached }
}

/// The answers of Redis to batches, and what follows from them.
extension DatasetRefresh {
    /// Takes note of what became of a batch.
    public mutating func acknowledge(_ batch: WriteBatch, _ outcome: BatchOutcome, at now: Duration) {
        for failure in outcome.failures where batch.rows.indices.contains(failure.operation) {
            undo(failure.operation, of: batch)
        }
        for kept in outcome.kept where batch.rows.indices.contains(kept.operation) {
            ledger.keep(batch.rows[kept.operation], ttl: kept.ttlMilliseconds, at: now)
        }
        for operation in outcome.missing where batch.rows.indices.contains(operation) {
            let row = batch.rows[operation]
            if ledger.table.isRow(row) { ledger.table.set(.dirty, of: row) }
        }
    }

    /// Takes note of a batch whose fate is not known, or which was refused: all of it is done again.
    public mutating func lost(_ batch: WriteBatch) {
        for operation in batch.operations.indices { undo(operation, of: batch) }
    }

    private mutating func undo(_ operation: Int, of batch: WriteBatch) {
        ledger.undo(operation, of: batch)
        if batch.operations[operation] == .mark { marks.lost() }
    }

    /// Takes note of a batch of one key whose value is too large for Redis, whatever `maxValueBytes` says: its row is
    /// set aside, and so is each later one as large.
    public mutating func refuse(_ batch: WriteBatch, at now: Duration) {
        guard let row = batch.rows.first, batch.count == 1, ledger.table.isRow(row) else { return lost(batch) }
        let size = batch.arguments.lengths.max() ?? 0
        composer.refuse(bytes: size)
        ledger.summary.keysWritten -= 1
        ledger.setAside(row, .refusedByRedis(bytes: size), at: now)
    }

    // MARK: Marks

    /// A pass was read and all that it found was acknowledged: the next leader may begin from here, once what is
    /// repeated was repeated.
    ///
    /// A mark stands for all rows, and so does the snapshot that the gate compares with. A pass of identities moves
    /// either only where the caller knows that every row which changed before the snapshot has been read: in this pass or
    /// an earlier one.
    ///
    /// - Parameter since: the mark since which changed rows were read whatever the filter says; nil if they were not.
    public mutating func passed(_ mark: Mark, since: Mark? = nil) {
        // A successor without a mark would miss what changes outside a filter: the first one does not wait. Where it
        // would unlink all keys instead, that is right as long as something is still to be repeated.
        let isFirst = marks.reached == nil && since == nil
        let waits = dataset.mode == .invalidate || !isFirst
        marks.passed(mark, since: since, repetition: waits ? ledger.repetitions.queued : 0)
    }

    /// The mark that may be written now, if any.
    ///
    /// - Parameter snapshot: the newest one of the server.
    public mutating func dueMark(at now: Duration, snapshot: Snapshot) -> Mark? {
        guard ledger.claims.pendingDeletes == 0, !isUnfinished else { return nil }
        return marks.due(done: ledger.repetitions.taken, snapshot: snapshot, at: now)
    }

    /// Takes over how far the same rows were read while they had other columns.
    ///
    /// - Parameter fingerprint: the fingerprint of the dataset as it is defined now.
    public mutating func goOn(from other: borrowing DatasetRefresh, fingerprint: String) {
        marks.goOn(from: other.marks, fingerprint: fingerprint)
    }

    /// A row that has not changed since is as this leader left it, unless its work is known to be unfinished.
    public var reachedMark: Mark? { marks.reached }
}

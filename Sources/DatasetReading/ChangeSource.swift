package import CacheRefresh
package import PostgresClient

/// A way to learn what became of a dataset's rows: a read of all of them, or of those that are known to have changed.
///
/// Whatever the way, one read shows one state of the database, and ``ChangeReading/scope`` says which rows it speaks of.
package protocol ChangeSource: Sendable {
    /// Runs `body` with what there is to learn; the transaction lasts as long.
    ///
    /// - Parameters:
    ///   - known: the binding of an earlier pass, used again while the columns are the same.
    ///   - isFlagging: whether rows are flagged by whether they may have changed since the mark.
    ///   - admit: says since which mark changed rows are read also outside the filter, where that can be told; throws
    ///     if nothing is to be read from this snapshot.
    /// - Throws: ``DatasetError``, `PostgresError`, and what `admit` and `body` throw.
    func read<Result>(
        on connection: PostgresConnection, known: DatasetBinding?, isFlagging: Bool,
        admit: (Snapshot) throws -> Mark?, _ body: (ChangeReading) async throws -> Result
    ) async throws -> Result
}

/// One read in progress: the transaction's snapshot, and the rows still to come.
package struct ChangeReading {
    package let binding: DatasetBinding
    package let snapshot: Snapshot
    /// Which rows come if they exist.
    package let scope: ReadScope
    package let rows: CopyStream
    /// Whether the mark that was handed over serves; nil if none was, or rows don't say which transaction wrote them.
    package let verdict: Mark.Verdict?
    /// The mark since which changed rows are read whatever the filter says; nil if none serves.
    package let since: Mark?
    /// Each row begins with whether it may have changed since the mark.
    package let rowsAreFlagged: Bool
}

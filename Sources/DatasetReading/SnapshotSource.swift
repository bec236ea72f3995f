package import CacheRefresh
package import PostgresClient

/// Reads all rows of a dataset in one snapshot.
package struct SnapshotSource: ChangeSource {
    private let source: DatasetSource

    package init(dataset: Dataset, keyPrefix: String) {
        source = DatasetSource(dataset: dataset, keyPrefix: keyPrefix)
    }

    /// Reads in a read-only transaction that sees one state of the database, with the dataset's tables locked against
    /// changes of their columns.
    package func read<Result>(
        on connection: PostgresConnection, known: DatasetBinding?, isFlagging: Bool,
        admit: (Snapshot) throws -> Mark?, _ body: (ChangeReading) async throws -> Result
    ) async throws -> Result {
        let (binding, snapshot, mark) = try await source.open(on: connection, known: known, admit: admit)
        do {
            // Where no key is judged by it, a mark of another definition serves too: it says since when, and rows that are
            // read for nothing cost little.
            let verdict = mark.map {
                $0.verdict(at: snapshot, fingerprint: isFlagging ? "\(binding.fingerprint)" : $0.fingerprint)
            }
            let since = verdict == .fits ? mark : nil
            let query = RowQuery(
                dataset: source.dataset, binding: binding, changed: since.map { Self.changed(since: $0, in: binding) },
                isFlagged: isFlagging && since != nil)
            let rows = try await connection.copy("copy (\(query.text())) to stdout")
            let result = try await body(
                ChangeReading(
                    binding: binding, snapshot: snapshot, scope: .allRows, rows: rows, verdict: verdict, since: since,
                    rowsAreFlagged: query.isFlagged))
            try await connection.commit()
            return result
        } catch {
            await connection.rollBack()
            throw error
        }
    }

    /// Whether a row may have changed since a mark that fits, or is in a table that took the place of another one, or
    /// was attached as a partition, since then.
    private static func changed(since mark: Mark, in binding: DatasetBinding) -> String {
        let isYoung = "age(xmin) <= age('\(mark.horizon & 0xFFFF_FFFF)'::xid)"
        let others = mark.tables.isEmpty ? [] : binding.definitions.tables.subtracting(mark.tables).sorted()
        guard !others.isEmpty else { return isYoung }
        return "(\(isYoung) or tableoid in (\(others.map(String.init).joined(separator: ", "))))"
    }
}

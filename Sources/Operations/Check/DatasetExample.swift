internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import PostgresClient

/// An example: one real row, and what a pass would make of it.
struct DatasetExample {
    let dataset: Dataset
    let binding: DatasetBinding
    let connection: PostgresConnection

    enum Found: Sendable {
        /// One for each key that the row has.
        case operations([WriteOperation])
        case setAside(SetAside)
        /// Why there is no example.
        case none(String)
    }

    func read() async throws -> Found {
        // A row that has all keys shows more than one that lacks some.
        let columns = dataset.keys.flatMap(\.template.columns).map(quotedName)
        let complete = columns.map { " and \($0) is not null" }.joined()
        for condition in [complete, ""] {
            guard let line = try await row(where: condition) else {
                let patience = DurationText.render(DatasetInspection.patience)
                return .none("none: reading one row took longer than \(patience)")
            }
            if !line.isEmpty { return operations(for: line) }
        }
        return .none("none: there is no row yet")
    }

    /// One line in the `COPY` format; empty if there is no row, nil if reading it took too long.
    private func row(where condition: String) async throws(PostgresError) -> [UInt8]? {
        let query = RowQuery(dataset: dataset, binding: binding)
        let statement = "copy (\(query.text("\(condition) limit 1"))) to stdout"
        return try await connection.patiently { connection throws(PostgresError) in
            var line: [UInt8] = []
            let rows = try await connection.copy(statement)
            while let chunk = try await rows.next() { line += chunk }
            return line
        }
    }

    private func operations(for line: [UInt8]) -> Found {
        var refresh = DatasetRefresh(
            dataset: dataset, shape: binding.shape, opening: .writing, validatesUTF8: binding.validatesUTF8)
        // Flagged as changed, so that its keys come out in mode `invalidate` too.
        refresh.beginPass(rowsAreFlagged: true)
        let flagged = Array("t\t".utf8) + line
        flagged.withUnsafeBytes { refresh.take($0, at: .zero) }
        refresh.endRead(at: .zero)
        var operations: [WriteOperation] = []
        while let batch = refresh.nextBatch(at: .zero) { operations += batch.unpacked }
        refresh.abandonPass()
        if let row = refresh.setAside.first { return .setAside(row) }
        return operations.isEmpty ? .none("none: the row that was read has no key") : .operations(operations)
    }
}

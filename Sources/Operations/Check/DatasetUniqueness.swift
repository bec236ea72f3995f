internal import CacheRefresh
internal import DatasetReading
internal import PostgresClient

/// Whether two rows of a dataset can have one identity, or make one key.
struct DatasetUniqueness {
    let dataset: Dataset
    let binding: DatasetBinding
    let connection: PostgresConnection

    /// A unique index over plain columns.
    struct Index: Hashable, Sendable {
        let columns: Set<Exact<String>>
        /// The condition of a partial index; nil if it covers all rows.
        let condition: String?
    }

    private var identity: [String] { binding.shape.columns[..<binding.shape.identityCount].map(\.name) }

    func findings() async throws(PostgresError) -> [Finding] {
        let children = try await inheritingTables()
        let indexes = children.isEmpty ? try await uniqueIndexes() : nil
        var findings: [Finding] = []
        if let finding = try await judge(identity, indexes, what: "identity") { findings.append(finding) }
        for family in dataset.keys
        where !Set(family.template.columns.map(\.exact)).isSuperset(of: identity.map(\.exact)) {
            let columns = family.template.columns.uniqued
            if let finding = try await judge(columns, indexes, what: family.template.description) {
                findings.append(finding)
            }
        }
        if !children.isEmpty, findings.isEmpty {
            findings.append(
                .warning(
                    "The rows of tables that inherit from this one (\(children.joined(separator: ", "))) are read too, and no "
                        + "unique index spans them: two rows can have one identity",
                    "Read the parent alone (`query: select … from only …`), or see to it that no identity comes twice"))
        }
        for family in dataset.keys {
            let texts = family.template.columns.uniqued.filter(isText)
            guard texts.count > 1 else { continue }
            findings.append(
                .warning(
                    "\(family.template) has several texts, so that two rows can make one key if a text holds what stands "
                        + "between them",
                    "Use at most one text column in a key, or make sure that no \(texts[0]) holds it"))
        }
        return findings
    }

    private func isText(_ column: String) -> Bool {
        switch binding.shape.columns.first(where: { $0.name.isExactly(column) })?.kind {
        case .text, .timestamp, .timestampWithZone, .json: true
        case .integer, .number, .boolean, .uuid, nil: false
        }
    }

    /// The tables that inherit from the dataset's, each with rows of its own; partitions share an index.
    private func inheritingTables() async throws(PostgresError) -> [String] {
        guard case .table(let name, _, _) = dataset.source,
            let relation = try await DatasetCatalog(connection: connection).relation(name), relation.kind == "r"
        else { return [] }
        return try await connection.query(
            "select inhrelid::regclass from pg_inherits where inhparent = $1::oid order by 1", [relation.oid]
        ).compactMap { $0[0] }
    }

    /// - Returns: the indexes of the table; nil for views, foreign tables and queries, which can have none.
    private func uniqueIndexes() async throws(PostgresError) -> [Index]? {
        guard case .table(let name, _, _) = dataset.source else { return nil }
        let catalog = DatasetCatalog(connection: connection)
        guard let relation = try await catalog.relation(name), ["r", "p", "m"].contains(relation.kind) else {
            return nil
        }
        let rows = try await connection.query(
            """
            select pg_get_expr(i.indpred, i.indrelid), a.attname, i.indexrelid from pg_index i
            cross join unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) k(attnum)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
            where i.indrelid = $1::oid and i.indisunique and i.indisvalid and i.indexprs is null
            order by i.indexrelid
            """, [relation.oid])
        var columns: [String: Set<Exact<String>>] = [:]
        var conditions: [String: String] = [:]
        for row in rows {
            guard let condition = row[2], let column = row[1] else { continue }
            columns[condition, default: []].insert(column.exact)
            conditions[condition] = row[0]
        }
        return columns.map { Index(columns: $1, condition: conditions[$0]) }
    }

    private func judge(
        _ columns: [String], _ indexes: [Index]?, what: String
    ) async throws(PostgresError) -> Finding? {
        let list = columns.joined(separator: ", ")
        let consequence =
            what == "identity" ? "two rows can have one identity" : "two rows can make one key \(what)"
        let remedy =
            "Create a unique index on (\(list)), or "
            + (what == "identity" ? "choose another identity" : "use other columns")
        guard let indexes else {
            guard try await hasRepeated(columns) else { return nil }
            return .problem(
                "Several rows have the same \(list): \(consequence), and only one is cached",
                what == "identity" ? "Choose another identity" : "Use columns that name a row")
        }
        let wanted = Set(columns.map(\.exact))
        if indexes.contains(where: { $0.condition == nil && $0.columns.isSubset(of: wanted) }) { return nil }
        if let partial = indexes.first(where: { $0.columns.isSubset(of: wanted) }), hasCondition {
            return .warning(
                "The unique index on (\(list)) covers only rows with \(partial.condition ?? "true"); if `where` lets others in, \(consequence)",
                "Make sure that `where` implies that condition")
        }
        return .problem("No unique index covers (\(list)): \(consequence)", remedy)
    }

    private var hasCondition: Bool {
        switch dataset.source {
        case .table(_, let condition, _): condition != nil
        case .query: false
        }
    }

    /// Whether rows that are there now repeat; false too if that takes too long to tell.
    private func hasRepeated(_ columns: [String]) async throws(PostgresError) -> Bool {
        let names = columns.map(quotedName)
        let statement = """
            select 1 from \(DatasetSource.from(dataset, withFilter: true)) \
            \(names.map { "and \($0) is not null" }.joined(separator: " ")) \
            group by \(names.joined(separator: ", ")) having count(*) > 1 limit 1
            """
        return try await connection.patiently { connection throws(PostgresError) in
            try await !connection.query(statement).isEmpty
        } ?? false
    }
}

extension PostgresConnection {
    /// Asks something that may take long; nil if it did.
    func patiently<Answer: Sendable>(
        _ ask: (PostgresConnection) async throws(PostgresError) -> Answer
    ) async throws(PostgresError) -> Answer? {
        try await begin(isolation: .readCommitted, statementTimeout: DatasetInspection.patience)
        do throws(PostgresError) {
            let answer = try await ask(self)
            try await commit()
            return answer
        } catch {
            await rollBack()
            if error.sqlState == "57014" { return nil }
            throw error
        }
    }
}

extension [String] {
    /// The names without repetitions, in order.
    fileprivate var uniqued: [String] {
        var seen: Set<Exact<String>> = []
        return filter { seen.insert($0.exact).inserted }
    }
}

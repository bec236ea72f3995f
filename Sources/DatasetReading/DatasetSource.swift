package import CacheRefresh
package import PostgresClient

/// The rows of one dataset in the database: the SQL that reads them, and transactions in which they stay as they are.
package struct DatasetSource: Sendable {
    let dataset: Dataset
    let keyPrefix: String

    package init(dataset: Dataset, keyPrefix: String) {
        self.dataset = dataset
        self.keyPrefix = keyPrefix
    }
    /// How long a pass waits for a table that somebody has locked, such as during `TRUNCATE; INSERT`.
    package static let lockTimeout = Duration.seconds(2)

    /// Finds which of the identities have rows, whatever the filter says. Identities are in the `COPY` format.
    package func existing(
        _ identities: [[UInt8]], binding: DatasetBinding, on connection: PostgresConnection
    ) async throws -> [[UInt8]] {
        let columns = binding.shape.columns[..<binding.shape.identityCount]
        let texts = identities.map(CopyFields.unescaped)
        guard texts.allSatisfy({ $0.count == columns.count }) else {
            throw DatasetError(
                dataset: dataset.name, problem: "the server sent rows with fewer fields than were asked for",
                remedy: "See what stands between Baton and PostgreSQL")
        }
        let wanted = columns.indices.map { place in arrayLiteral(texts.map { $0[place] }) }
        let parameters = columns.indices.map { "$\($0 + 1)::text[]" }.joined(separator: ", ")
        // The text is the one that `COPY` shows; a cast to text would strip the blanks of `char(n)`, and write `inet`
        // and booleans otherwise.
        let names = columns.map { "format('%s', \(quotedName($0.name)))" }
        let matches = zip(names, columns.indices).map { "\($0) = wanted.c\($1)" }.joined(separator: " and ")
        let aliases = columns.indices.map { "c\($0)" }.joined(separator: ", ")
        let statement = """
            select wanted.place from unnest(\(parameters)) with ordinality wanted(\(aliases), place)
            where exists (select from \(Self.from(dataset, binding.relation, withFilter: false)) and \(matches))
            """
        return try await connection.transaction(statementTimeout: .zero, lockTimeout: Self.lockTimeout) { connection in
            var found: [[UInt8]] = []
            let rows = try await connection.rows(statement, wanted)
            while let chunk = try await rows.next() {
                for row in chunk {
                    guard let place = row[0].flatMap({ Int($0) }), identities.indices.contains(place - 1) else {
                        throw DatasetError(
                            dataset: dataset.name, problem: "the database named a row that was not asked for",
                            remedy: "See whether a function of somebody stands in for PostgreSQL's `format` or `unnest`"
                        )
                    }
                    found.append(identities[place - 1])
                }
            }
            return found
        }
    }

    // MARK: Transaction

    /// Begins a transaction whose snapshot shows the rows of all that the dataset reads, with all of it locked.
    func open(
        on connection: PostgresConnection, known: DatasetBinding?, admit: (Snapshot) throws -> Mark?
    ) async throws -> (DatasetBinding, Snapshot, Mark?) {
        for _ in 0..<Self.maximumOpenings {
            try await begin(on: connection, known: known)
            do {
                let snapshot = try await Snapshot.take(on: connection)
                let mark = try admit(snapshot)
                let binding = try await bind(on: connection, known: known)
                if try await lockRest(binding, on: connection) {
                    return (binding, snapshot, binding.hasTransactionIDs ? mark : nil)
                }
                await connection.rollBack()
            } catch {
                await connection.rollBack()
                throw error
            }
        }
        throw DatasetError(
            dataset: dataset.name, problem: "its tables are truncated or rewritten again and again while it reads them",
            remedy: "Grant select on the whole tables: then a pass can lock them first.")
    }

    /// How often a transaction is begun at most, where its snapshot is older than a table's rows.
    private static let maximumOpenings = 3

    /// Locks what `LOCK TABLE` may not, which wants a right to the whole table: reading some columns takes the same
    /// lock, but after the snapshot.
    ///
    /// - Returns: false if somebody has exchanged the rows between the two, so that the snapshot shows none.
    private func lockRest(
        _ binding: DatasetBinding, on connection: PostgresConnection
    ) async throws(PostgresError) -> Bool {
        guard !binding.unlockable.isEmpty else { return true }
        let query = RowQuery(dataset: dataset, binding: binding)
        _ = try await connection.query(query.text(" limit 0"))
        return try await !DatasetCatalog(connection: connection).isRewritten(binding.unlockable)
    }

    private func begin(on connection: PostgresConnection, known: DatasetBinding?) async throws {
        if let known {
            do {
                return try await begin(on: connection, locking: known.tables)
            } catch {
                guard Self.mayBeOutdated(error) else { throw error }
            }
        }
        try await begin(on: connection, locking: try await discover(on: connection).tables)
    }

    private func begin(
        on connection: PostgresConnection, locking tables: [DatasetCatalog.Relation]
    ) async throws(PostgresError) {
        // How long a read may take depends on the table; a connection without progress is given up by the client.
        try await connection.begin(
            statementTimeout: .zero, lockTimeout: Self.lockTimeout, locking: tables.map(\.name))
    }

    /// Whether what was found out earlier may be the cause: a relation is gone, or may not be read any longer, and
    /// perhaps the dataset now reads others.
    private static func mayBeOutdated(_ error: PostgresError) -> Bool {
        ["42P01", "42501", "3F000", "42809"].contains(error.sqlState)
    }

    /// Finds out what the dataset reads, in a transaction of its own that does nothing else.
    private func discover(on connection: PostgresConnection) async throws -> DatasetCatalog.Dependencies {
        let catalog = DatasetCatalog(connection: connection)
        if case .table(let name, _, _) = dataset.source, try await catalog.relation(name) == nil {
            throw DatasetError(
                dataset: dataset.name,
                problem: "the table \(name) does not exist, or its schema may not be used",
                remedy: "Correct `table`, name its schema, or grant usage on the schema.")
        }
        return try await connection.transaction { _ in
            try await catalog.dependencies(
                of: "select * from \(Self.from(dataset, withFilter: true))", text: Self.texts(of: dataset))
        }
    }

    // MARK: Binding

    /// Binds the dataset outside of a pass, for tools that only look.
    package func bind(on connection: PostgresConnection) async throws -> DatasetBinding {
        let tables = try await discover(on: connection).tables
        try await begin(on: connection, locking: tables)
        do {
            let binding = try await bind(on: connection, known: nil)
            try await connection.commit()
            return binding
        } catch {
            await connection.rollBack()
            throw error
        }
    }

    private func bind(
        on connection: PostgresConnection, known: DatasetBinding?
    ) async throws -> DatasetBinding {
        let described = try await connection.describe("select * from \(Self.from(dataset, withFilter: true))")
        let catalog = DatasetCatalog(connection: connection)
        if let known, known.described == described,
            known.definitions
                == (try await catalog.definitions(
                    of: known.relations, described, conditions: Self.texts(of: dataset)))
        {
            return known
        }
        var identity = dataset.identity
        var hasTransactionIDs = false
        var table: String?
        if case .table(let name, _, _) = dataset.source, let relation = try await catalog.relation(name) {
            if identity.isEmpty { identity = try await catalog.primaryKey(of: relation) }
            hasTransactionIDs = ["r", "p"].contains(relation.kind)
            table = relation.name
        }
        let shape: RowShape
        do {
            shape = try RowShape(
                dataset: dataset, identity: identity, available: try await catalog.columns(described),
                keyPrefix: keyPrefix)
        } catch let mistake as RowShape.Mistake {
            throw DatasetError(dataset: dataset.name, problem: "\(mistake)", remedy: "")
        }
        let dependencies = try await catalog.dependencies(
            of: RowQuery(dataset: dataset, relation: table, shape: shape, described: described).text(),
            text: Self.texts(of: dataset))
        let definitions = try await catalog.definitions(
            of: dependencies.relations, described, conditions: Self.texts(of: dataset))
        return DatasetBinding(
            described: described, shape: shape, relation: table, tables: dependencies.tables,
            relations: dependencies.relations, unlockable: dependencies.unlockable, definitions: definitions,
            gateObstacle: dataset.changes == .snapshot ? "changes: snapshot" : dependencies.obstacle,
            hasTransactionIDs: hasTransactionIDs,
            validatesUTF8: await connection.parameter("server_encoding") == "SQL_ASCII",
            fingerprint: dataset.fingerprint(
                with: described.map { "\($0.name) \($0.typeOID) \($0.typeModifier)" } + [definitions.text]))
    }

    // MARK: SQL

    /// The mark that a pass leaves which read its rows like this.
    package func mark(_ binding: DatasetBinding, at snapshot: Snapshot) -> Mark {
        Mark(
            horizon: snapshot.horizon, history: snapshot.history, fingerprint: "\(binding.fingerprint)",
            tables: dataset.hasFilter ? binding.definitions.tables : [])
    }

    /// What follows `FROM`: it always has a `WHERE`, so that conditions can be added with `AND`.
    ///
    /// - Parameters:
    ///   - relation: the table that the dataset is bound to; nil for the one that its name stands for now.
    ///   - changed: a condition for rows that are read though they do not fit the filter; nil: there are none.
    package static func from(
        _ dataset: Dataset, _ relation: String? = nil, withFilter: Bool, orChanged changed: String? = nil
    ) -> String {
        switch dataset.source {
        case .query(let text):
            // The newline ends a comment in the query's last line.
            return "(\(withoutEnd(text))\n) as baton_row where true"
        case .table(let name, let condition, let filter):
            var filter = withFilter ? filter : nil
            if let text = filter, let changed, dataset.changes != .filter { filter = "(\(text)\n) or \(changed)" }
            let conditions = [condition, filter].compactMap(\.self)
            return "\(relation ?? name) where "
                + (["true"] + conditions.map { "(\($0)\n)" }).joined(separator: " and ")
        }
    }

    private static func texts(of dataset: Dataset) -> [String] {
        switch dataset.source {
        case .query(let text): [text]
        case .table(_, let condition, let filter): [condition, filter].compactMap(\.self)
        }
    }

    /// A query without the semicolons and blanks behind it.
    private static func withoutEnd(_ query: String) -> String {
        var scalars = query.unicodeScalars[...]
        while let last = scalars.last, last.properties.isWhitespace || last == ";" { scalars.removeLast() }
        return String(scalars)
    }
}

/// A dataset that does not fit the database.
package struct DatasetError: Error, Hashable, Sendable, CustomStringConvertible {
    package let dataset: String
    package let problem: String
    /// What to do about it; may be empty where the problem says it.
    package let remedy: String

    package init(dataset: String, problem: String, remedy: String) {
        self.dataset = dataset
        self.problem = problem
        self.remedy = remedy
    }

    package var description: String { "\(dataset): \(text)" }

    /// The same for those who know which dataset it is.
    package var text: String { problem + (remedy.isEmpty ? "" : ". \(remedy)") }
}

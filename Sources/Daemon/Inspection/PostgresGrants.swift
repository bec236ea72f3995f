internal import CacheRefresh
internal import PostgresClient

/// The least that a PostgreSQL role needs for Baton, as statements for `psql`.
struct PostgresGrants: Hashable, Sendable {
    /// Statements, each with its semicolon.
    var statements: [String] = []

    /// Finds out which relations the datasets read, by planning them. The user of the connection must be allowed to
    /// read them.
    static func read(
        _ datasets: [Dataset], role: String, on connection: PostgresConnection
    ) async throws -> PostgresGrants {
        let database = try await connection.query("select quote_ident(current_database()), quote_ident($1)", [role])
            .first
        let role = database?[1] ?? role
        var schemas: Set<String> = []
        var relations: Set<String> = []
        for dataset in datasets {
            for relation in try await Self.relations(of: dataset, on: connection) {
                schemas.insert(relation.schema)
                relations.insert("\(relation.schema).\(relation.name)")
            }
        }
        return PostgresGrants(
            statements: ["GRANT CONNECT ON DATABASE \(database?[0] ?? "") TO \(role);"]
                + schemas.sorted().map { "GRANT USAGE ON SCHEMA \($0) TO \(role);" }
                + relations.sorted().map { "GRANT SELECT ON TABLE \($0) TO \(role);" })
    }

    private struct Relation: Hashable {
        let schema: String
        let name: String
    }

    /// What a statement names itself: the views, not the tables behind them; the partitioned table, not its partitions.
    private static func relations(
        of dataset: Dataset, on connection: PostgresConnection
    ) async throws -> [Relation] {
        do throws(PostgresError) {
            try await connection.execute("begin isolation level repeatable read read only")
            // Planning takes a lock on everything that is read.
            _ = try await connection.query("explain select * from \(DatasetSource.from(dataset, withFilter: true))")
            let rows = try await connection.query(
                """
                with read as (
                    select c.oid, c.relname, n.nspname from pg_locks l
                    join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
                    where l.pid = pg_backend_pid() and l.locktype = 'relation' and c.relkind in ('r', 'p', 'v', 'm', 'f')
                      and n.nspname not in ('pg_catalog', 'information_schema')
                ), behind as (
                    select d.refobjid as oid from pg_rewrite w join pg_depend d on d.objid = w.oid
                    where w.ev_class in (select oid from read) and d.classid = 'pg_rewrite'::regclass
                      and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
                    union all
                    select inhrelid from pg_inherits where inhparent in (select oid from read)
                )
                select quote_ident(nspname), quote_ident(relname), relname, oid in (select oid from behind) from read
                order by 1, 2
                """)
            try await connection.execute("commit")
            return rows.compactMap { row in
                // A table behind a view may also be named beside it.
                let isNamed = row[2].map { words(of: dataset).contains($0.lowercased()) } ?? false
                guard row[3] == "f" || isNamed else { return nil }
                return Relation(schema: row[0] ?? "", name: row[1] ?? "")
            }
        } catch {
            if connection.isUsable { try? await connection.execute("rollback") }
            guard error.sqlState == "42501" else {
                throw error.sqlState == nil
                    ? error : DatasetError(dataset: dataset.name, problem: error.message.withoutFullStop, remedy: "")
            }
            throw InspectionError(
                .refused,
                "\(dataset.name): \(error.message.withoutFullStop). To find out what a dataset reads, ask as a user who may "
                    + "read it: BATON_POSTGRES_URL=postgresql://… baton check --grants")
        }
    }

    /// All that could be the name of a table.
    private static func words(of dataset: Dataset) -> Set<String> {
        let text =
            switch dataset.source {
            case .table(let name, let condition, let filter):
                [name, condition ?? "", filter ?? ""].joined(separator: " ")
            case .query(let text): text
            }
        let words = text.lowercased().split { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "$" }
        // Names with odd characters stand in quotes.
        return Set(words.map(String.init)).union(text.lowercased().split(separator: "\"").map(String.init))
    }
}

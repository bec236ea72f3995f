internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import PostgresClient

/// The least that a PostgreSQL role needs for Baton, as statements for `psql`.
struct PostgresGrants: Hashable, Sendable {
    /// Statements, each with its semicolon.
    var statements: [String] = []

    /// Finds out what the datasets read, with temporary views of which nothing is left. The user of the connection must
    /// be allowed to make those, and need not be allowed to read anything.
    static func read(
        _ datasets: [Dataset], role: String, on connection: PostgresConnection
    ) async throws -> PostgresGrants {
        let database = try await connection.query("select quote_ident(current_database()), quote_ident($1)", [role])
            .first
        let role = database?[1] ?? role
        var schemas: Set<String> = []
        var relations: [String: Columns] = [:]
        for dataset in datasets {
            for reading in try await readings(of: dataset, on: connection) {
                schemas.insert(reading.schema)
                relations["\(reading.schema).\(reading.name)", default: .some([])].add(reading.columns)
            }
        }
        return PostgresGrants(
            statements: ["GRANT CONNECT ON DATABASE \(database?[0] ?? "") TO \(role);"]
                + schemas.sorted().map { "GRANT USAGE ON SCHEMA \($0) TO \(role);" }
                + relations.sorted { $0.key < $1.key }.map { relation, columns in
                    "GRANT SELECT\(columns.list) ON TABLE \(relation) TO \(role);"
                })
    }

    /// Which columns of a relation are read.
    private enum Columns: Hashable {
        /// All that there are and will be.
        case all
        /// These, by their names in quotes where needed.
        case some(Set<String>)

        mutating func add(_ other: Columns) {
            switch (self, other) {
            case (.some(let mine), .some(let theirs)): self = .some(mine.union(theirs))
            case (.all, _), (_, .all): self = .all
            }
        }

        var list: String {
            switch self {
            case .all: ""
            case .some(let names): " (\(names.sorted().joined(separator: ", ")))"
            }
        }
    }

    /// A relation that a statement names itself: a view, not the tables behind it; a partitioned table, not its
    /// partitions.
    private struct Reading {
        let schema: String
        let name: String
        let columns: Columns
    }

    private static func readings(
        of dataset: Dataset, on connection: PostgresConnection
    ) async throws -> [Reading] {
        let table: String? = if case .table(let name, _, _) = dataset.source { name } else { nil }
        do throws(PostgresError) {
            try await connection.begin(writing: true)
            try await connection.execute(
                """
                create temporary view baton_grants as select true as found from \
                (select * from \(DatasetSource.from(dataset, withFilter: true))) as baton_rows
                """)
            let rows = try await connection.query(readings, [table])
            await connection.rollBack()
            var columns: [[String]: Columns] = [:]
            for row in rows {
                let relation = [row[0] ?? "", row[1] ?? ""]
                // Without a column, as with count(*), PostgreSQL wants a right to any.
                columns[relation, default: .some([])].add(row[3] == "t" ? .all : row[2].map { .some([$0]) } ?? .all)
            }
            return columns.map { Reading(schema: $0.key[0], name: $0.key[1], columns: $0.value) }
        } catch {
            await connection.rollBack()
            switch error.sqlState {
            case nil: throw error
            case "42501", "25006":
                throw InspectionError(
                    .refused,
                    "\(dataset.name): \(error.message.withoutFullStop). To find out what a dataset reads, ask the primary as "
                        + "a user who may use its schemas and make temporary views: BATON_POSTGRES_URL=postgresql://… "
                        + "baton check --grants")
            default: throw DatasetError(dataset: dataset.name, problem: error.message.withoutFullStop, remedy: "")
            }
        }
    }

    /// What PostgreSQL notes for the view: on which columns it depends, and, in its stored form, which columns whoever
    /// reads it must be allowed to read. Bit 7 of these stands for whole rows, such as `json_agg(t)`, which no
    /// dependency tells. Source: `FirstLowInvalidHeapAttributeNumber` in `access/sysattr.h`.
    private static let readings = """
        with view as (select * from pg_rewrite where ev_class = 'pg_temp.baton_grants'::regclass),
        permission as (
            select substring(part from '^[0-9]+') as relation, substring(part from ':selectedCols \\(b([^)]*)\\)') as bits
            from view cross join regexp_split_to_table(ev_action::text, ':relid ') part
        )
        select quote_ident(n.nspname), quote_ident(c.relname), quote_ident(a.attname),
               c.oid = to_regclass($1) is true
               or exists (select from permission p where p.relation = c.oid::text and p.bits || ' ' like '% 7 %')
        from view w
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
             and d.refclassid = 'pg_class'::regclass and d.refobjid <> w.ev_class
        join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p', 'v', 'm', 'f')
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid and a.attnum <> 0
        order by 1, 2, 3
        """
}

internal import CacheRefresh
package import PostgresClient

/// PostgreSQL's catalogs, asked about a dataset.
package struct DatasetCatalog {
    let connection: PostgresConnection

    package init(connection: PostgresConnection) {
        self.connection = connection
    }

    /// A table, view or other relation by the name that the configuration gives it.
    package struct Relation: Hashable, Sendable {
        package let oid: String
        /// `r` table, `p` partitioned table, `v` view, `m` materialized view, `f` foreign table.
        package let kind: String
        /// Schema and name, quoted where needed.
        package let name: String
    }

    /// - Returns: nil if there is no such relation, or its schema is not to be seen.
    package func relation(_ name: String) async throws(PostgresError) -> Relation? {
        let row = try await connection.query(
            """
            select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)
            """, [name]
        ).first
        guard let row else { return nil }
        return Relation(oid: row[0] ?? "", kind: row[1] ?? "", name: row[2] ?? "")
    }

    /// The columns of the primary key, in its order; empty if there is none.
    func primaryKey(of relation: Relation) async throws(PostgresError) -> [String] {
        try await connection.query(
            """
            select a.attname from pg_index i
            cross join unnest(i.indkey::int2[]) with ordinality k(attnum, place)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
            where i.indrelid = $1::oid and i.indisprimary order by k.place
            """, [relation.oid]
        ).compactMap { $0[0] }
    }

    /// The kinds of columns, by what a describe said of their types.
    func columns(_ described: [PostgresColumn]) async throws(PostgresError) -> [Column] {
        let unknown = Set(described.map(\.typeOID)).filter { ColumnKind(builtInType: $0) == nil }
        var kinds: [UInt32: ColumnKind] = [:]
        if !unknown.isEmpty {
            // A type that is neither an array nor a composite is a text, unless it is no built-in one and somebody made
            // a function that casts it to json; to_jsonb() asks the same. Everything else is left to to_json(). There
            // are no domains here: a server describes their columns by the types that they are based on.
            let rows = try await connection.query(
                """
                select oid from pg_type t
                where oid = any($1::oid[]) and typtype in ('b', 'e', 'r', 'm') and (typelem = 0 or typlen <> -1)
                  and not (oid >= 16384 and exists (
                      select from pg_cast
                      where castsource = t.oid and casttarget = 'json'::regtype and castfunc <> 0))
                """, [arrayLiteral(unknown.map(String.init))])
            for oid in rows.compactMap({ $0[0].flatMap { UInt32($0) } }) { kinds[oid] = .text }
        }
        return described.map { column in
            if let kind = ColumnKind(builtInType: column.typeOID) ?? kinds[column.typeOID] {
                Column(name: column.name, kind: kind)
            } else {
                Column(name: column.name, kind: .json, isReadAsJSON: true)
            }
        }
    }

    /// The tables that a statement reads, and whether its rows can change while the database does not.
    struct Dependencies: Hashable, Sendable {
        /// The tables and views that may be locked.
        var tables: [Relation]
        /// The object ids of all relations, those included that may not be locked.
        var relations: [String]
        /// The tables among these that may not be locked by name, for lack of a right to all of their columns.
        var unlockable: [String]
        /// Why the gate may not skip a pass; nil if it may.
        var obstacle: String?
    }

    /// Plans a statement without running it. The transaction must have touched nothing else so far.
    func dependencies(of statement: String, text: [String]) async throws(PostgresError) -> Dependencies {
        let plan = try await connection.query("explain (verbose, costs off) \(statement)")
            .compactMap { $0[0] }.joined(separator: "\n")
        let relations = try await connection.query(
            """
            select distinct c.oid, c.relkind, format('%I.%I', n.nspname, c.relname),
                   has_table_privilege(c.oid, 'select')
            from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
            where l.pid = pg_backend_pid() and l.locktype = 'relation'
              and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
              and n.nspname not in ('pg_catalog', 'information_schema')
            order by 3
            """)
        // A lock on a view reaches the tables behind it with its owner's rights.
        let tables = relations.filter { ["r", "p", "v"].contains($0[1]) && $0[3] == "t" }
            .map { Relation(oid: $0[0] ?? "", kind: $0[1] ?? "", name: $0[2] ?? "") }
        let lockable = Set(tables.map(\.oid))
        let obstacle: String?
        if let moving = relations.first(where: { Self.movingKinds.keys.contains($0[1] ?? "") }) {
            obstacle = "\(moving[2] ?? "something") is a \(Self.movingKinds[moving[1] ?? ""] ?? "")"
        } else {
            obstacle = try await Self.unsteadyExpression(in: [plan] + text, on: connection)
        }
        return Dependencies(
            tables: tables, relations: relations.compactMap { $0[0] },
            unlockable: relations.filter { $0[1] == "r" }.compactMap { $0[0] }
                .filter { !lockable.contains($0) },
            obstacle: obstacle)
    }

    /// Kinds of relations that change without a word in the log; `nextval` mostly writes none.
    private static let movingKinds = ["f": "foreign table", "S": "sequence"]

    /// The definitions of what is read, as the catalogs have them.
    struct Definitions: Hashable, Sendable {
        /// Changes whenever it is defined anew or lies elsewhere: a view, a primary key, a policy, the partitions, a
        /// table that was swapped in, or filled anew after `TRUNCATE`, the labels of an enum, the attributes of a
        /// composite type, a function in a condition.
        var text = ""
        /// All relations that rows can lie in, by object id, partitions and heirs included.
        var tables: Set<UInt32> = []
    }

    /// - Parameters:
    ///   - relations: their object ids.
    ///   - columns: what is read from them.
    ///   - conditions: the dataset's own SQL.
    func definitions(
        of relations: [String], _ columns: [PostgresColumn], conditions: [String]
    ) async throws(PostgresError) -> Definitions {
        let rows = try await connection.query(
            """
            with recursive tree (oid) as (
                select unnest($1::oid[])
                union select inhrelid from tree join pg_inherits on inhparent = tree.oid
            ), type (oid) as (
                select unnest($2::oid[])
                union select atttypid from pg_attribute where attrelid = any($1::oid[]) and attnum > 0
                union select part.oid from type join pg_type t on t.oid = type.oid cross join lateral (
                    select t.typbasetype union all select t.typelem
                    union all select atttypid from pg_attribute where attrelid = t.typrelid and attnum > 0
                    union all select rngsubtype from pg_range where rngtypid = t.oid
                ) part (oid) where part.oid <> 0
            )
            select coalesce(string_agg(fact, ' ' order by fact), ''), array(select oid from tree) from (
                select format('relation:%s:%s:%s', oid, relkind, pg_relation_filenode(oid))
                    from pg_class where oid = any($1::oid[])
                union all select format('rule:%s:%s', oid, xmin) from pg_rewrite where ev_class = any($1::oid[])
                union all select format('key:%s:%s', indrelid, indkey) from pg_index
                    where indrelid = any($1::oid[]) and indisprimary
                union all select format('part:%s', inhrelid) from pg_inherits where inhparent = any($1::oid[])
                union all select format('policy:%s:%s', oid, xmin) from pg_policy where polrelid = any($1::oid[])
                union all select format('label:%s:%s:%L', enumtypid, enumsortorder, enumlabel) from pg_enum
                    where enumtypid in (select oid from type)
                union all select format('attribute:%s:%s:%L:%s', attrelid, attnum, attname, atttypid)
                    from pg_attribute where attnum > 0 and not attisdropped
                      and attrelid in (select typrelid from type join pg_type using (oid) where typrelid <> 0)
                union all select format('cast:%s:%s:%s', castsource, castfunc, p.xmin)
                    from pg_cast left join pg_proc p on p.oid = castfunc
                    where casttarget = 'json'::regtype and castsource >= 16384
                union all select format('function:%s:%s', oid, xmin) from pg_proc
                    where oid >= 16384 and proname = any($3::text[])
            ) facts (fact)
            """,
            [
                arrayLiteral(relations), arrayLiteral(Set(columns.map(\.typeOID)).map(String.init)),
                arrayLiteral(conditions.flatMap(SQLWords.called)),
            ])
        guard let row = rows.first else { return Definitions() }
        let tables = (row[1] ?? "").utf8.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Definitions(text: row[0] ?? "", tables: Set(tables.compactMap { UInt32(Substring($0)) }))
    }

    /// Whether some relation has got another file since the transaction's snapshot was taken, as by `TRUNCATE`: the rows
    /// in it are then invisible, and those before are gone. Ask when nobody can do that any more.
    func isRewritten(_ relations: [String]) async throws(PostgresError) -> Bool {
        // The table is read as of the snapshot, the function says what is true now.
        try await connection.query(
            """
            select exists (
                select from pg_class where oid = any($1::oid[])
                  and pg_relation_filenode(oid) is distinct from nullif(relfilenode, 0))
            """, ["{\(relations.joined(separator: ","))}"]
        ).first?[0] == "t"
    }

    /// An expression whose value may change although no row does, such as `now()`.
    private static func unsteadyExpression(
        in texts: [String], on connection: PostgresConnection
    ) async throws(PostgresError) -> String? {
        let words = texts.map { Array($0.lowercased().utf8) }
        for word in steadilyMovingWords where words.contains(where: { $0.contains(word.utf8) }) { return word }
        let called = texts.flatMap(SQLWords.called).filter { !steadyFunctions.contains($0) }
        let rows = try await connection.query(
            "select proname from pg_proc where proname = any($1::text[]) and provolatile <> 'i' order by 1 limit 1",
            [arrayLiteral(called)])
        return rows.first?[0].map { "\($0)()" }
    }

    /// Words of SQL, and of date literals, whose value is that of the moment.
    private static let steadilyMovingWords = [
        "current_timestamp", "current_date", "current_time", "localtimestamp", "localtime", "'now'", "'today'",
        "'tomorrow'", "'yesterday'",
    ]

    /// Functions that PostgreSQL calls stable because they depend on settings, which are the same in each pass.
    private static let steadyFunctions: Set<String> = [
        "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg", "to_json", "to_jsonb", "row_to_json",
        "array_to_json", "json_build_object", "jsonb_build_object", "json_build_array", "jsonb_build_array",
        "concat", "concat_ws", "format", "to_char", "to_date", "to_timestamp", "to_number", "array_to_string",
        "string_to_array", "quote_literal", "quote_nullable", "quote_ident", "date_trunc", "date_part", "extract",
        "timezone", "count", "sum", "min", "max", "avg", "text", "date", "time", "timestamp", "timestamptz",
    ]
}

internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import PostgresClient

/// Explains one dataset against the real schema.
struct DatasetInspection {
    let dataset: Dataset
    let keyPrefix: String
    let connection: PostgresConnection

    /// How long a question about the rows themselves may take.
    static let patience = Duration.seconds(5)

    /// The section, and what the columns of the keys hold; nil if the dataset does not fit the database.
    func inspect() async -> (section: CheckReport.Section, kinds: [Exact<String>: ColumnKind]?) {
        var section = CheckReport.Section(.dataset, dataset.name, title: title)
        let source = DatasetSource(dataset: dataset, keyPrefix: keyPrefix)
        let binding: DatasetBinding
        do {
            binding = try await source.bind(on: connection)
        } catch let error as DatasetError {
            section.findings.append(.problem(error.problem.asSentence, error.remedy.withoutFullStop))
            return (section, nil)
        } catch {
            section.findings.append(explain(error))
            return (section, nil)
        }
        do {
            let columns = try await DatasetColumns.read(binding.described, on: connection)
            describe(columns, binding, in: &section)
            let uniqueness = DatasetUniqueness(dataset: dataset, binding: binding, connection: connection)
            section.findings += try await uniqueness.findings()
            section.findings += nullFindings(columns, binding)
            let estimate = try await estimatedRows(withFilter: true)
            let example = try await DatasetExample(dataset: dataset, binding: binding, connection: connection).read()
            describe(example, in: &section)
            describe(size: estimate, example, in: &section)
            section.findings += try await policyFindings(binding)
            try await describeConditions(binding, fitting: estimate, in: &section)
        } catch {
            section.findings.append(explain(error))
        }
        section.add(
            "gate",
            binding.gateObstacle.map { "reads at every tick: \($0)" } ?? "reads only after something was written",
            json: binding.gateObstacle.map { .text($0) } ?? .null)
        return (section, Dictionary(binding.shape.columns.map { ($0.name.exact, $0.kind) }) { first, _ in first })
    }

    private func explain(_ error: any Error) -> Finding {
        guard let error = error as? PostgresError, let sqlState = error.sqlState else { return .problem(error) }
        switch sqlState {
        case "42501" where error.message.contains("row-level security"):  // its own words say what to do
            return .problem(error.message.withoutFullStop, "", .refused)
        case "42501":
            return .problem(
                error.message.withoutFullStop, "Give the user what `baton check --grants` prints", .refused)
        case "55P03":
            return .problem(
                "A table of it is locked by another session for longer than \(DurationText.render(DatasetSource.lockTimeout))",
                "Check again when that session has ended")
        case _ where sqlState.hasPrefix("42"):  // syntax, or names that are not there
            return .problem("PostgreSQL says: \(error.message.withoutFullStop)", "Correct \(settings)")
        default:
            return .problem(error)
        }
    }

    /// Where the dataset's SQL comes from.
    private var settings: String {
        switch dataset.source {
        case .query: "`query`, which must be one SELECT, as Baton reads from it as from a table"
        case .table(_, nil, nil): "`table`"
        case .table(_, _?, nil): "`where`"
        case .table(_, nil, _?): "`filter`"
        case .table(_, _?, _?): "`where` or `filter`"
        }
    }

    // MARK: Facts

    private var title: String {
        let source =
            switch dataset.source {
            case .table(let name, _, _): "table \(name.shown)"
            case .query: "query"
            }
        let mode = dataset.mode.rawValue + (dataset.format == .hash ? " as hash" : "")
        return "\(source) → redis \(dataset.redis), \(mode), every \(DurationText.render(dataset.every)), "
            + "TTL \(DurationText.render(dataset.ttl))" + (dataset.isEnabled ? "" : " (switched off)")
    }

    private func describe(
        _ columns: [DatasetColumns.Column], _ binding: DatasetBinding, in section: inout CheckReport.Section
    ) {
        let read = Set(binding.shape.columns.map(\.name.exact))
        let used = columns.filter { read.contains($0.name.exact) }
        section.add(
            "columns", used.map { "\($0.name.shown) \($0.type.shown)" }.joined(separator: ", "),
            json: .array(
                used.map {
                    .fields(["name": .text($0.name), "type": .text($0.type), "nullable": .boolean($0.isNullable)])
                }))
        let identity = binding.shape.columns[..<binding.shape.identityCount].map(\.name)
        section.add(
            "identity",
            identity.map(\.shown).joined(separator: ", ") + (dataset.identity.isEmpty ? " (the primary key)" : ""),
            json: .texts(identity))
        section.add(
            "keys",
            dataset.keys.map { family in
                let key = (keyPrefix + family.template.description).shown
                guard dataset.mode != .invalidate else { return "\(key), unlinked on change" }
                return switch family.value {
                case .row: "\(key) holds the row"
                case .column(let name): "\(key) holds \(name.shown)"
                }
            },
            json: .texts(dataset.keys.map { keyPrefix + $0.template.description }))
    }

    private func describe(_ example: DatasetExample.Found, in section: inout CheckReport.Section) {
        switch example {
        case .none(let reason):
            section.add("example", reason, json: .array([]))
        case .setAside(let row):
            section.findings.append(
                .warning(
                    "The row \(TextLayout.printable(row.name.utf8)) can't be written: \(row.reason)",
                    "Correct it; until then its keys stay as they are"))
        case .operations(let operations):
            section.add(
                "example",
                operations.flatMap { operation in
                    let key = TextLayout.printable(operation.key)
                    return operation.value.map { [key, $0.shown] } ?? [key]
                },
                json: .array(
                    operations.map {
                        .fields([
                            "key": .text(String(decoding: $0.key, as: UTF8.self)), "value": $0.value?.json ?? .null,
                        ])
                    }))
        }
    }

    /// Roughly what a key costs Redis beside its own bytes and its value's: entry, object, expiry.
    private static let overheadPerKey = 120

    private func describe(size rows: Int?, _ example: DatasetExample.Found, in section: inout CheckReport.Section) {
        guard let rows else { return }
        var text = "about \(TextLayout.count(rows, "row"))"
        var perRow = 0
        if case .operations(let operations) = example, dataset.mode == .upsert {
            perRow = operations.reduce(0) { $0 + $1.key.count + ($1.value?.byteCount ?? 0) + Self.overheadPerKey }
            text += ", \(TextLayout.size(rows * perRow)) in Redis"
        }
        text += ", \(TextLayout.size(rows * 100)) in the leader's memory"
        section.add("size", text, json: .fields(["rows": .number(rows), "redisBytes": .number(rows * perRow)]))
    }

    /// Which rows there are and which of them are read, and what that leaves out.
    private func describeConditions(
        _ binding: DatasetBinding, fitting: Int?, in section: inout CheckReport.Section
    ) async throws(PostgresError) {
        guard case .table(_, let condition, let filter) = dataset.source else { return }
        if let condition { section.add("where", condition) }
        guard let filter else { return }
        let all = try await estimatedRows(withFilter: false)
        let share = fitting.flatMap { fitting in
            all.map { ", about \(TextLayout.grouped(fitting)) of \(TextLayout.count($0, "row"))" }
        }
        section.add("filter", filter + (share ?? ""), json: .text(filter))
        let seesChanges = binding.hasTransactionIDs && dataset.changes != .filter
        var text =
            "Rows that do not fit `filter` are \(seesChanges ? "read when they change, and only then" : "not read")"
        let isGone = "that one is deleted\(condition == nil ? "" : " or stops matching `where`") is not noticed"
        switch dataset.mode {
        case .upsert:
            text +=
                ": their keys are not renewed and go with the TTL of \(DurationText.render(dataset.ttl)), "
                + "\(isGone), and a Redis without keys gets none of them"
        case .existing, .invalidate: text += ": \(isGone)"
        }
        section.findings.append(.note(text))
        guard !seesChanges else { return }
        let reason =
            dataset.changes == .filter
            ? "`changes: filter` looks for no other rows"
            : "Of \(binding.tables.first.map { $0.name } ?? "this relation") PostgreSQL can't tell which rows changed"
        section.findings.append(
            .warning(
                "\(reason): a change is lost that does not fit `filter` any more when it becomes visible, such as that of a "
                    + "transaction longer than the time that `filter` looks back, or one made while nobody led",
                dataset.changes == .filter
                    ? "Let `filter` look back longer than any transaction and any time without a leader, or use `changes: auto`"
                    : "Read the table itself, or let `filter` look back longer than any transaction and any time without a leader"
            ))
    }

    // MARK: Questions

    /// The number of rows that the planner estimates from the statistics of the tables.
    private func estimatedRows(withFilter: Bool) async throws(PostgresError) -> Int? {
        let plan = try await connection.query(
            "explain select * from \(DatasetSource.from(dataset, withFilter: withFilter))")
        guard let line = plan.first?[0], let found = line.firstRange(of: " rows=") else { return nil }
        return Int(line[found.upperBound...].prefix { $0.isNumber })
    }

    /// Row-level security hides rows without a word, and a hidden row counts as deleted.
    private func policyFindings(_ binding: DatasetBinding) async throws(PostgresError) -> [Finding] {
        var findings: [Finding] = []
        for table in binding.tables {
            let row = try await connection.query("select row_security_active($1::oid)", [table.oid]).first
            guard row?[0] == "t" else { continue }
            findings.append(
                .warning(
                    "Row-level security is active on \(table.name.shown): rows that its policies hide from this user count as "
                        + "deleted",
                    "Make sure that a policy shows the user all rows of the dataset"))
        }
        return findings
    }

    private func nullFindings(_ columns: [DatasetColumns.Column], _ binding: DatasetBinding) -> [Finding] {
        // Views say of no column that it is never NULL.
        guard binding.hasTransactionIDs else { return [] }
        let nullable = Set(columns.filter(\.isNullable).map(\.name.exact))
        var findings: [Finding] = []
        for column in binding.shape.columns[..<binding.shape.identityCount] where nullable.contains(column.name.exact) {
            findings.append(
                .warning(
                    "\(column.name.shown) is part of the identity and may be NULL; such rows are set aside",
                    "Make the column NOT NULL, or choose another identity"))
        }
        let identity = Set(binding.shape.columns[..<binding.shape.identityCount].map(\.name.exact))
        for family in dataset.keys {
            let absent = family.template.columns.filter { nullable.contains($0.exact) && !identity.contains($0.exact) }
            guard !absent.isEmpty else { continue }
            findings.append(
                .note(
                    "Rows whose \(absent.map(\.shown).joined(separator: " or ")) is NULL have no key "
                        + "\(family.template)".shown))
        }
        return findings
    }
}

/// The columns of a dataset as people know them.
enum DatasetColumns {
    struct Column: Hashable, Sendable {
        let name: String
        /// The type as `psql` would show it.
        let type: String
        let isNullable: Bool
    }

    static func read(
        _ described: [PostgresColumn], on connection: PostgresConnection
    ) async throws(PostgresError) -> [Column] {
        func list(_ value: (PostgresColumn) -> String) -> String {
            "{\(described.map(value).joined(separator: ","))}"
        }
        let rows = try await connection.query(
            """
            select format_type(c.type, c.modifier), coalesce(a.attnotnull, false)
            from unnest($1::oid[], $2::int4[], $3::oid[], $4::int2[])
                 with ordinality c(type, modifier, relation, number, place)
            left join pg_attribute a on a.attrelid = c.relation and a.attnum = c.number and c.number > 0
            order by c.place
            """,
            [
                list { "\($0.typeOID)" }, list { "\($0.typeModifier)" }, list { "\($0.tableOID)" },
                list { "\($0.columnNumber)" },
            ])
        return zip(described, rows).map { column, row in
            Column(name: column.name, type: row[0] ?? "", isNullable: row[1] != "t")
        }
    }
}

extension String {
    /// The same with a capital, unless it begins with a name.
    var asSentence: String {
        let isWord = ["the ", "two "].contains { hasPrefix($0) }
        return (isWord ? prefix(1).uppercased() + dropFirst() : self).withoutFullStop
    }
}

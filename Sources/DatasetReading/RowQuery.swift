package import CacheRefresh
internal import PostgresClient

/// The statement that reads a dataset's rows.
///
/// The server itself leaves out what is too large to be written: a text of hundreds of megabytes would otherwise come
/// through the network into the memory of a leader that can only set its row aside. Sizes are asked where that is
/// cheap: `octet_length` does not read a text that is stored apart.
package struct RowQuery {
    let dataset: Dataset
    /// The table that the dataset is bound to, schema and name quoted; nil for a query.
    let relation: String?
    let shape: RowShape
    /// The columns as the server describes them.
    let described: [PostgresColumn]
    /// An SQL condition: whether a row may have changed since an earlier read; nil where that can't be told.
    var changed: String?
    /// Whether each row begins with that.
    var isFlagged = false

    /// A `SELECT`: the flag if there is one, the shape's columns, and the size of what was left out, NULL where nothing
    /// was. That last column is missing where no value can be large.
    ///
    /// - Parameter end: what follows the conditions, such as a limit.
    package func text(_ end: String = "") -> String {
        let source = DatasetSource.from(dataset, relation, withFilter: true, orChanged: changed) + end
        let flag = isFlagged ? changed : nil
        let columns = shape.columns.map { Read($0, described, isNamed: names.contains($0.name.exact)) }
        guard columns.contains(where: { $0.size != nil }) else {
            return
                "select \(([flag].compactMap(\.self) + columns.map(\.expression)).joined(separator: ", ")) from \(source)"
        }
        let inner = columns.enumerated().map { "\($1.expression) as c\($0)" } + (flag.map { ["\($0) as flag"] } ?? [])
        let outer = columns.indices.map { place in shown(columns[place], as: "c\(place)") }
        // `offset 0` keeps the planner from computing a column's text more than once.
        return """
            select \(((flag == nil ? [] : ["flag"]) + outer + ["size"]).joined(separator: ", ")) from (
            select *, \(size(columns)) as size from (
            select \(inner.joined(separator: ", ")) from \(source) offset 0) as read offset 0) as measured
            """
    }

    /// The columns that rows and keys are named by: they are always needed.
    private var names: Set<Exact<String>> {
        Set(shape.columns[..<shape.identityCount].map(\.name.exact))
            .union(dataset.keys.flatMap(\.template.columns).map(\.exact))
    }

    /// The least that the largest value of a row can have, in bytes, if that is too much: JSON only adds to its texts.
    private func size(_ columns: [Read]) -> String {
        let holdsRows = dataset.mode == .invalidate || dataset.keys.contains { $0.value == .row }
        let sizes = columns.enumerated().compactMap { place, column in
            let isValue = holdsRows || dataset.keys.contains { $0.value == .column(column.name) }
            return isValue ? column.size.map { $0("c\(place)") } : nil
        }
        guard !sizes.isEmpty else { return "null::bigint" }
        // Most rows are small: none of their columns has more than its share, and nothing is to be added up.
        let limit = dataset.maxValueBytes
        let share = holdsRows ? limit / sizes.count : limit
        let numbers = sizes.map { "coalesce(\($0), 0)::bigint" }
        let size = holdsRows ? numbers.joined(separator: " + ") : "greatest(\(numbers.joined(separator: ", ")))"
        return "case when \(sizes.map { "\($0) > \(share)" }.joined(separator: " or ")) "
            + "then nullif(greatest(\(size), \(limit)), \(limit)) end"
    }

    /// A column in a row of any size.
    private func shown(_ column: Read, as name: String) -> String {
        guard column.size != nil, !names.contains(column.name.exact) else { return name }
        // Where keys are only unlinked no value is needed, but whether it is another one.
        guard dataset.mode == .invalidate else { return "case when size is null then \(name) end" }
        return "case when size is null then \(name)::text else \(column.digest(name)) end"
    }

    /// How one column is read and measured.
    private struct Read {
        let name: String
        let expression: String
        /// The bytes of its text at least, as SQL; nil if they can't be many.
        let size: ((String) -> String)?
        let digest: (String) -> String

        /// - Parameter isNamed: it is a part of the identity or of a key. Longer ones than such may be are cut, but not
        ///   so short that they could be taken for right.
        init(_ column: Column, _ described: [PostgresColumn], isNamed: Bool) {
            let type = described.first { $0.name.isExactly(column.name) }
            let quoted = quotedName(column.name)
            let longest = DatasetRefresh.maximumKeyBytes
            name = column.name
            switch (column.kind, type?.typeOID) {
            case (.json, _):
                // Its text is made once, to be measured and to be sent.
                expression = column.isReadAsJSON ? "to_json(\(quoted))::text" : "\(quoted)::text"
                size = { "octet_length(\($0))" }
                digest = { "hashtextextended(\($0), 0)::text" }
            case (.text, 17):  // bytea, of which two digits a byte are shown
                expression =
                    isNamed
                    ? "case when octet_length(\(quoted)) > \(longest) then substr(\(quoted), 1, \(longest + 1)) "
                        + "else \(quoted) end" : quoted
                size = { "2 * octet_length(\($0))::bigint" }
                digest = { "sha256(\($0))::text" }
            case (.text, let oid) where !Self.isBounded(oid, type?.typeModifier):
                let isPlain = oid == 25 || oid == 1043
                expression =
                    isNamed && isPlain
                    ? "case when octet_length(\(quoted)) > \(longest) then left(\(quoted), \(longest + 1)) "
                        + "else \(quoted) end" : quoted
                size = { "octet_length(\($0)\(isPlain || oid == 1042 ? "" : "::text"))" }
                digest = { "hashtextextended(\($0)::text, 0)::text" }
            case (.integer, _), (.number, _), (.boolean, _), (.text, _), (.uuid, _), (.timestamp, _),
                (.timestampWithZone, _):
                expression = quoted
                size = nil
                digest = { $0 }
            }
        }

        /// Whether no value of a type is large. Types that are not known, such as domains, may have large ones.
        private static func isBounded(_ oid: UInt32?, _ modifier: Int32?) -> Bool {
            switch oid {
            case 1042, 1043:  // char(n), varchar(n): n and 4 more in the modifier; a character has 4 bytes at most
                guard let modifier, modifier > 4 else { return false }
                return Int(modifier - 4) * 4 <= DatasetRefresh.maximumKeyBytes
            case 18, 19, 1082, 1083, 1266, 1186, 790, 869, 650, 829, 774, 600, 601, 603, 628, 718, 26, 27, 28, 5069,
                29, 3220, 3904, 3906, 3908, 3910, 3912, 3926:
                return true
            default: return false
            }
        }
    }
}

extension RowQuery {
    /// - Parameters:
    ///   - binding: the dataset as it fits the database.
    ///   - changed: as ``changed``.
    ///   - isFlagged: as ``isFlagged``.
    package init(dataset: Dataset, binding: DatasetBinding, changed: String? = nil, isFlagged: Bool = false) {
        self.init(
            dataset: dataset, relation: binding.relation, shape: binding.shape, described: binding.described,
            changed: changed, isFlagged: isFlagged)
    }
}

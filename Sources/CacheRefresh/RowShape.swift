/// A dataset bound to the columns that its table or query really has: what a line holds and which keys it makes.
public struct RowShape: Hashable, Sendable {
    /// Why a dataset does not fit its columns.
    public enum Mistake: Error, Hashable, Sendable {
        /// No `identity` is configured and the table has no primary key.
        case noIdentity
        /// A column is named that is not there.
        case unknownColumn(String, usedBy: String, available: [String])
        /// A column whose value is JSON (an array, a composite, `json`) stands in a key or in the identity.
        case structuredColumn(String, usedBy: String)
        /// Two columns of a query have one name.
        case repeatedColumn(String)
    }

    /// The columns that a pass reads, in the order of a line: the identity first.
    public let columns: [Column]
    /// How many of them are the identity.
    public let identityCount: Int
    let families: [KeyFamilyShape]
    private let objectOrder: [Int]

    /// - Parameters:
    ///   - identity: the names of the identity's columns: as configured, else the primary key.
    ///   - available: all columns of the table or query, in their order.
    ///   - keyPrefix: goes before every key.
    public init(
        dataset: Dataset, identity: [String], available: [Column], keyPrefix: String = ""
    ) throws(Mistake) {
        guard !identity.isEmpty else { throw .noIdentity }
        var names: Set<Exact<String>> = []
        for column in available where !names.insert(column.name.exact).inserted { throw .repeatedColumn(column.name) }
        for name in identity {
            let column = try Self.column(name, usedBy: "identity", in: available)
            if column.kind == .json { throw .structuredColumn(name, usedBy: "identity") }
        }
        let isIdentity = Set(identity.map(\.exact))
        var used = isIdentity
        for family in dataset.keys {
            for name in family.template.columns {
                let column = try Self.column(name, usedBy: "\(family.template)", in: available)
                if column.kind == .json { throw .structuredColumn(name, usedBy: "\(family.template)") }
                used.insert(name.exact)
            }
            switch family.value {
            case .column(let name):
                used.insert(try Self.column(name, usedBy: "\(family.template)", in: available).name.exact)
            case .row:
                used.formUnion(names)
            }
        }
        // Whoever fills the cache may have stored any column: each of them invalidates.
        if dataset.mode == .invalidate { used = names }

        let first = identity.map { name in available.first { $0.name.isExactly(name) }! }
        let columns =
            first + available.filter { used.contains($0.name.exact) && !isIdentity.contains($0.name.exact) }
        func place(_ name: String) -> Int { columns.firstIndex { $0.name.isExactly(name) }! }
        self.columns = columns
        self.identityCount = identity.count
        self.objectOrder = available.filter { used.contains($0.name.exact) }.map { place($0.name) }
        self.families = dataset.keys.map { family in
            var parts: [KeyFamilyShape.Part] = []
            var literal = Array(keyPrefix.utf8)
            for part in family.template.parts {
                switch part {
                case .literal(let text): literal += Array(text.utf8)
                case .column(let name):
                    if !literal.isEmpty { parts.append(.literal(literal)) }
                    literal = []
                    parts.append(.column(place(name), columns[place(name)].kind))
                }
            }
            if !literal.isEmpty { parts.append(.literal(literal)) }
            let value: KeyFamilyShape.Value =
                switch family.value {
                case .row: .row
                case .column(let name): .column(place(name))
                }
            return KeyFamilyShape(parts: parts, value: value, identityCount: identity.count)
        }
    }

    /// The pattern for `SCAN … MATCH` that finds the keys of all families, and perhaps others.
    public var scanPattern: [UInt8] {
        families.count == 1 ? families[0].pattern : ScanPattern.beginning(withOneOf: families.map(\.beginning))
    }

    var encoder: RowEncoder { RowEncoder(columns: columns, order: objectOrder) }

    private static func column(
        _ name: String, usedBy user: String, in available: [Column]
    ) throws(Mistake) -> Column {
        guard let column = available.first(where: { $0.name.isExactly(name) }) else {
            throw .unknownColumn(name, usedBy: user, available: available.map(\.name))
        }
        return column
    }
}

extension RowShape.Mistake: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noIdentity:
            "the table has no primary key. Name the columns that identify a row in `identity`."
        case .unknownColumn(let name, let user, let available):
            "\(user) names the column \(name), which does not exist. The columns are \(available.joined(separator: ", "))."
        case .structuredColumn(let name, let user):
            "\(user) uses the column \(name), whose value is JSON. Use columns of plain types, or a query that casts it."
        case .repeatedColumn(let name):
            "two columns are called \(name). Give one of them another name with `AS`."
        }
    }
}

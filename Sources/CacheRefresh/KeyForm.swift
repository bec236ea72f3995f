/// The form of a template's keys, for whoever has keys and no rows.
///
/// A column stands for text that is not empty and has no colon: `user:{id}` does not cover `user:7:orders`, which
/// belongs to somebody else. (In a template without colons it stands for any text.)
package struct KeyForm: Hashable, Sendable {
    /// The prefix and the template, as people write it.
    package let text: String
    /// The columns of the template, in their order; one may come twice.
    @Exact package private(set) var columns: [String]
    /// The text before, between and after the columns: one piece more than there are columns. Only the first and the
    /// last may be empty.
    private let literals: [[UInt8]]
    private let hasColon: Bool
    private let repeatsColumns: Bool

    package init(_ template: KeyTemplate, prefix: String) {
        text = prefix + template.description
        columns = template.columns
        var literals: [[UInt8]] = [Array(prefix.utf8)]
        for part in template.parts {
            switch part {
            case .literal(let text): literals[literals.count - 1] += text.utf8
            case .column: literals.append([])
            }
        }
        self.literals = literals
        hasColon = literals.contains { $0.contains(UInt8(ascii: ":")) }
        repeatsColumns = Set(template.columns.map(\.exact)).count < template.columns.count
    }

    /// How each key begins.
    package var beginning: [UInt8] { literals[0] }

    /// The pattern for `SCAN … MATCH` that finds all keys of this form, and perhaps others.
    package var pattern: [UInt8] {
        var pattern: [UInt8] = []
        for (place, literal) in literals.enumerated() {
            if place > 0 { ScanPattern.appendAnything(to: &pattern) }
            ScanPattern.appendLiteral(literal, to: &pattern)
        }
        return pattern
    }

    package func covers(_ key: [UInt8]) -> Bool { values(in: key) != nil }

    /// Whether a row could make the key, with whatever text in its columns, colons too.
    package func resembles(_ key: [UInt8]) -> Bool {
        guard let end = literals.last, key.count >= beginning.count + end.count, key.starts(with: beginning),
            key.suffix(end.count).elementsEqual(end)
        else { return false }
        var rest = key[beginning.count..<key.count - end.count]
        for literal in literals.dropFirst().dropLast() {
            guard let place = rest.firstRange(of: literal) else { return false }
            rest = rest[place.upperBound...]
        }
        return true
    }

    /// The text of each column; nil if the key has another form.
    package func values(in key: [UInt8]) -> [ArraySlice<UInt8>]? {
        guard key.starts(with: beginning) else { return nil }
        var rest = key[beginning.count...]
        var values: [ArraySlice<UInt8>] = []
        for literal in literals.dropFirst() {
            let isLast = values.count == columns.count - 1
            let end =
                isLast
                ? rest.endIndex - literal.count : rest.firstRange(of: literal)?.lowerBound ?? rest.startIndex
            guard end > rest.startIndex, !isLast || rest[end...].elementsEqual(literal) else { return nil }
            let value = rest[rest.startIndex..<end]
            if hasColon, value.contains(UInt8(ascii: ":")) { return nil }
            values.append(value)
            rest = rest[(end + literal.count)...]
        }
        guard repeatsColumns else { return values }
        let isConsistent = zip(columns, values).allSatisfy { name, value in
            zip(columns, values).allSatisfy { !$0.isExactly(name) || $1.elementsEqual(value) }
        }
        return isConsistent ? values : nil
    }

    /// The key of a row with this text in its only column; nil if the template names others.
    package func key(_ column: String, _ text: String) -> [UInt8]? {
        guard columns.allSatisfy({ $0.isExactly(column) }) else { return nil }
        return Array(literals.joined(separator: Array(text.utf8)))
    }
}

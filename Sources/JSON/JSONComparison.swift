/// Compares JSON texts by what they mean: the order of members, blanks, escapes and the spelling of numbers do not
/// count.
///
/// It shares no code with the encoders whose output it judges.
package enum JSONComparison {
    /// Where two texts differ first.
    package struct Difference: Hashable, Sendable {
        /// The path to the place, such as `settings.limits[2]`; empty for the whole value.
        package let path: String
        /// The two values there, as they are written; nil where there is none.
        package let left: String?
        package let right: String?

        package init(path: String, left: String?, right: String?) {
            self.path = path
            self.left = left
            self.right = right
        }
    }

    /// - Returns: nil if both texts mean the same.
    package static func difference(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Difference? {
        // Most rows differ in nothing but blanks and the order of their members: those are told without building
        // values.
        if let left = WrittenMembers(left), let right = WrittenMembers(right), left.isEqualAsWritten(to: right) {
            return nil
        }
        let (parsedLeft, parsedRight) = (JSONValue(parsing: left), JSONValue(parsing: right))
        guard let parsedLeft, let parsedRight else {
            guard parsedLeft != nil || parsedRight != nil || !left.elementsEqual(right) else { return nil }
            return Difference(path: "", left: excerpt(left), right: excerpt(right))
        }
        return difference(parsedLeft, parsedRight, path: "")
    }

    package static func difference(_ left: [UInt8], _ right: [UInt8]) -> Difference? {
        left.withUnsafeBytes { left in right.withUnsafeBytes { right in difference(left, right) } }
    }

    private static func difference(_ left: JSONValue, _ right: JSONValue, path: String) -> Difference? {
        switch (left, right) {
        case (.object(let left), .object(let right)):
            for name in Set(left.keys).union(right.keys).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                let place = (path.isEmpty ? "" : "\(path).") + String(decoding: name, as: UTF8.self)
                guard let one = left[name], let other = right[name] else {
                    return Difference(
                        path: place, left: left[name].map { "\($0)" }, right: right[name].map { "\($0)" })
                }
                if let found = difference(one, other, path: place) { return found }
            }
            return nil
        case (.array(let left), .array(let right)) where left.count == right.count:
            for (index, (one, other)) in zip(left, right).enumerated() {
                if let found = difference(one, other, path: "\(path)[\(index)]") { return found }
            }
            return nil
        default:
            return left == right ? nil : Difference(path: path, left: "\(left)", right: "\(right)")
        }
    }

    private static func excerpt(_ text: UnsafeRawBufferPointer) -> String {
        String(decoding: text.prefix(200), as: UTF8.self)
    }
}

/// The members of a JSON object, neither names nor values decoded; by name.
private struct WrittenMembers {
    private let text: UnsafeRawBufferPointer
    private var members: [(name: Range<Int>, value: Range<Int>)] = []

    /// - Returns: nil if the text is no object, or a name has an escape.
    init?(_ text: UnsafeRawBufferPointer) {
        self.text = text
        var scanner = JSONScanner(text)
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        members.reserveCapacity(16)
        if !scanner.take(UInt8(ascii: "}")) {
            repeat {
                guard let name = scanner.skipString(), scanner.take(UInt8(ascii: ":")), let value = scanner.skipValue(),
                    !text[name].contains(JSONScanner.backslash)
                else { return nil }
                members.append((name, value))
            } while scanner.take(UInt8(ascii: ","))
            guard scanner.take(UInt8(ascii: "}")) else { return nil }
        }
        guard scanner.isAtEnd else { return nil }
        members.sort { [text] in Self.compare(text[$0.name], text[$1.name]) < 0 }
    }

    func isEqualAsWritten(to other: WrittenMembers) -> Bool {
        guard members.count == other.members.count else { return false }
        for (mine, theirs) in zip(members, other.members) {
            guard Self.compare(text[mine.name], other.text[theirs.name]) == 0 else { return false }
            let (one, another) = (text[mine.value], other.text[theirs.value])
            if Self.compare(one, another) == 0 { continue }
            guard let one = JSONValue(parsing: UnsafeRawBufferPointer(rebasing: one)),
                let another = JSONValue(parsing: UnsafeRawBufferPointer(rebasing: another)), one == another
            else { return false }
        }
        return true
    }

    /// Shorter first, like PostgreSQL's jsonb; any order would do.
    private static func compare(
        _ left: Slice<UnsafeRawBufferPointer>, _ right: Slice<UnsafeRawBufferPointer>
    ) -> Int {
        guard left.count == right.count else { return left.count - right.count }
        for (one, other) in zip(left, right) where one != other { return Int(one) - Int(other) }
        return 0
    }
}

/// A JSON value (RFC 8259). Two are equal if they mean the same: `1.50` and `15e-1` do.
package indirect enum JSONValue: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(JSONNumber)
    /// A string in UTF-8: Swift's strings count differently composed characters as equal, JSON does not.
    case string([UInt8])
    case array([JSONValue])
    /// The members by name; the last one with a name counts, as in PostgreSQL's jsonb.
    case object([[UInt8]: JSONValue])

    /// - Returns: nil if the text is no JSON, or nested more than 200 deep.
    package init?(parsing text: UnsafeRawBufferPointer) {
        var scanner = JSONScanner(text)
        guard let value = Self.parse(&scanner, depth: 0), scanner.isAtEnd else { return nil }
        self = value
    }

    package init?(parsing text: some Collection<UInt8>) {
        guard let value = Array(text).withUnsafeBytes({ JSONValue(parsing: $0) }) else { return nil }
        self = value
    }

    /// A member of an object; nil if there is none of this name, and for everything that is no object.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[Array(name.utf8)]
    }

    /// The contents of a string; nil for everything else.
    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    /// The nearest double to a number, which may be infinite; nil for everything else.
    package var double: Double? {
        guard case .number(let number) = self else { return nil }
        return Double("\(number)")
    }

    /// The contents of a string, or the digits of a number; nil for everything else.
    package var text: String? {
        switch self {
        case .string(let text): String(decoding: text, as: UTF8.self)
        case .number(let number): number.description
        case .null, .boolean, .array, .object: nil
        }
    }

    // MARK: Parsing

    /// Deeper than any document that is met here, and far from the end of the stack.
    private static let maximumDepth = 200

    private static func parse(_ scanner: inout JSONScanner, depth: Int) -> JSONValue? {
        guard depth < maximumDepth, let first = scanner.peek() else { return nil }
        switch first {
        case JSONScanner.quote: return string(&scanner).map { .string($0) }
        case UInt8(ascii: "{"): return object(&scanner, depth: depth)
        case UInt8(ascii: "["): return array(&scanner, depth: depth)
        default:
            if scanner.take(word: "null") { return .null }
            if scanner.take(word: "true") { return .boolean(true) }
            if scanner.take(word: "false") { return .boolean(false) }
            guard let range = scanner.skipNumber() else { return nil }
            return JSONNumber(scanner.text[range]).map { .number($0) }
        }
    }

    private static func object(_ scanner: inout JSONScanner, depth: Int) -> JSONValue? {
        guard scanner.take(UInt8(ascii: "{")) else { return nil }
        var members: [[UInt8]: JSONValue] = [:]
        if scanner.take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            guard let name = string(&scanner), scanner.take(UInt8(ascii: ":")),
                let value = parse(&scanner, depth: depth + 1)
            else { return nil }
            members[name] = value
        } while scanner.take(UInt8(ascii: ","))
        return scanner.take(UInt8(ascii: "}")) ? .object(members) : nil
    }

    private static func array(_ scanner: inout JSONScanner, depth: Int) -> JSONValue? {
        guard scanner.take(UInt8(ascii: "[")) else { return nil }
        var elements: [JSONValue] = []
        if scanner.take(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            guard let value = parse(&scanner, depth: depth + 1) else { return nil }
            elements.append(value)
        } while scanner.take(UInt8(ascii: ","))
        return scanner.take(UInt8(ascii: "]")) ? .array(elements) : nil
    }

    private static func string(_ scanner: inout JSONScanner) -> [UInt8]? {
        scanner.skipString().flatMap { string(scanner.text[$0]) }
    }

    /// The text that a string's contents stand for, in UTF-8; nil if they are no UTF-8, or an escape is none.
    static func string(_ raw: Slice<UnsafeRawBufferPointer>) -> [UInt8]? {
        guard let decoded = String(validating: raw, as: UTF8.self) else { return nil }
        guard raw.contains(JSONScanner.backslash) else { return Array(raw) }
        // UTF-16, since escapes may be halves of surrogate pairs.
        var units: [UInt16] = []
        var rest = Array(decoded.utf16)[...]
        while let unit = rest.popFirst() {
            guard unit == UInt16(JSONScanner.backslash) else {
                units.append(unit)
                continue
            }
            guard let code = rest.popFirst().flatMap({ UInt8(exactly: $0) }) else { return nil }
            switch code {
            case UInt8(ascii: "n"): units.append(10)
            case UInt8(ascii: "t"): units.append(9)
            case UInt8(ascii: "r"): units.append(13)
            case UInt8(ascii: "b"): units.append(8)
            case UInt8(ascii: "f"): units.append(12)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(UInt16(code))
            case UInt8(ascii: "u"):
                let digits = rest.prefix(4).compactMap {
                    Unicode.Scalar($0)?.properties.isASCIIHexDigit == true ? $0 : nil
                }
                guard digits.count == 4, let unit = UInt16(String(decoding: digits, as: UTF16.self), radix: 16)
                else { return nil }
                units.append(unit)
                rest = rest.dropFirst(4)
            default: return nil
            }
        }
        return String(validating: units, as: UTF16.self).map { Array($0.utf8) }
    }
}

extension JSONValue: CustomStringConvertible {
    /// JSON text, members by name; strings are not escaped.
    package var description: String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .number(let number): "\(number)"
        case .string(let text): "\"\(String(decoding: text, as: UTF8.self))\""
        case .array(let elements): "[\(elements.map(\.description).joined(separator: ", "))]"
        case .object(let members):
            "{"
                + members.sorted { $0.key.lexicographicallyPrecedes($1.key) }
                .map { "\"\(String(decoding: $0.key, as: UTF8.self))\": \($0.value)" }.joined(separator: ", ") + "}"
        }
    }
}

/// A JSON document to print. Members keep their order.
indirect enum JSONText: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    struct Member: Hashable, Sendable {
        let name: String
        let value: JSONText
    }

    case null
    case boolean(Bool)
    case number(Int)
    case text(String)
    case array([JSONText])
    case object([Member])

    init(stringLiteral value: String) { self = .text(value) }
    init(integerLiteral value: Int) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .boolean(value) }

    /// An object written out.
    static func fields(_ members: KeyValuePairs<String, JSONText>) -> JSONText {
        .object(members.map { Member(name: $0, value: $1) })
    }

    static func texts(_ texts: some Sequence<String>) -> JSONText { .array(texts.map { .text($0) }) }

    /// The document, indented by two spaces a level, without a final newline.
    var rendered: String {
        var output = ""
        append(to: &output, depth: 0)
        return output
    }

    private func append(to output: inout String, depth: Int) {
        switch self {
        case .null: output += "null"
        case .boolean(let value): output += value ? "true" : "false"
        case .number(let value): output += String(value)
        case .text(let text): Self.append(text, to: &output)
        case .array(let elements):
            Self.appendList(elements, "[", "]", to: &output, depth) { $0.append(to: &$1, depth: depth + 1) }
        case .object(let members):
            Self.appendList(members, "{", "}", to: &output, depth) { member, output in
                Self.append(member.name, to: &output)
                output += ": "
                member.value.append(to: &output, depth: depth + 1)
            }
        }
    }

    private static func appendList<Element>(
        _ elements: [Element], _ open: String, _ close: String, to output: inout String, _ depth: Int,
        _ appendElement: (Element, inout String) -> Void
    ) {
        output += open
        for (position, element) in elements.enumerated() {
            output += (position == 0 ? "\n" : ",\n") + String(repeating: "  ", count: depth + 1)
            appendElement(element, &output)
        }
        if !elements.isEmpty { output += "\n" + String(repeating: "  ", count: depth) }
        output += close
    }

    private static func append(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\t": output += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}

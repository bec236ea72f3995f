/// A JSON document to print. Members keep their order.
package indirect enum JSONText: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    package struct Member: Hashable, Sendable {
        let name: String
        let value: JSONText

        package init(name: String, value: JSONText) {
            self.name = name
            self.value = value
        }
    }

    case null
    case boolean(Bool)
    case number(Int)
    /// Written with two places at most; what is no number becomes null.
    case decimal(Double)
    case text(String)
    case array([JSONText])
    case object([Member])

    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .boolean(value) }

    /// An object written out.
    package static func fields(_ members: KeyValuePairs<String, JSONText>) -> JSONText {
        .object(members.map { Member(name: $0, value: $1) })
    }

    package static func texts(_ texts: some Sequence<String>) -> JSONText { .array(texts.map { .text($0) }) }

    /// The document, indented by two spaces a level, without a final newline.
    package var rendered: String {
        var output = ""
        append(to: &output, depth: 0)
        return output
    }

    /// The same on one line, without a space.
    package var compact: String {
        var output = ""
        append(to: &output, depth: nil)
        return output
    }

    /// - Parameter depth: nil for everything on one line.
    private func append(to output: inout String, depth: Int?) {
        switch self {
        case .null: output += "null"
        case .boolean(let value): output += value ? "true" : "false"
        case .number(let value): output += String(value)
        case .decimal(let value):
            let rounded = (value * 100).rounded() / 100
            guard rounded.magnitude < 0x1p53 else {
                output += "null"
                return
            }
            output += rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
        case .text(let text): Self.append(text, to: &output)
        case .array(let elements):
            Self.appendList(elements, "[", "]", to: &output, depth) { $0.append(to: &$1, depth: $2) }
        case .object(let members):
            Self.appendList(members, "{", "}", to: &output, depth) { member, output, depth in
                Self.append(member.name, to: &output)
                output += depth == nil ? ":" : ": "
                member.value.append(to: &output, depth: depth)
            }
        }
    }

    private static func appendList<Element>(
        _ elements: [Element], _ open: String, _ close: String, to output: inout String, _ depth: Int?,
        _ appendElement: (Element, inout String, Int?) -> Void
    ) {
        func breakLine(_ depth: Int?) { if let depth { output += "\n" + String(repeating: "  ", count: depth) } }
        let inner = depth.map { $0 + 1 }
        output += open
        for (position, element) in elements.enumerated() {
            if position > 0 { output += "," }
            breakLine(inner)
            appendElement(element, &output, inner)
        }
        if !elements.isEmpty { breakLine(depth) }
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
            // JSON requires only those below U+0020 to be escaped. The others do things to a terminal.
            case _ where !KeyText.isPrintable(scalar):
                for unit in UTF16.encode(scalar)! {
                    let digits = String(unit, radix: 16)
                    output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }
}

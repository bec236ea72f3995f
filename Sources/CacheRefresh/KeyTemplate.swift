/// The shape of a family of cache keys, such as `merchant:{id}` or `plugin_config:{plugin_id}:{name}`.
///
/// Text in braces names a column of the dataset, everything else stands for itself. A literal brace is written twice:
/// `{{users}}:{id}` makes keys like `{users}:7`.
public struct KeyTemplate: Hashable, Sendable {
    /// One piece of a template.
    public enum Part: Hashable, Sendable {
        case literal(String)
        case column(String)
    }

    /// A mistake in the text of a template.
    public enum Mistake: Error, Hashable, Sendable {
        /// `{` without its `}`.
        case unclosedBrace
        /// `}` without its `{`; a literal brace is written twice.
        case strayBrace
        /// `{}`: no column is named.
        case emptyColumn
        /// Every row would get the same key.
        case noColumn
        /// Two columns follow one another with nothing between them, so `1` + `23` and `12` + `3` would collide.
        case adjacentColumns(String, String)
    }

    /// The pieces in order. Neighbouring literals are joined; there is at least one column.
    public let parts: [Part]

    /// - Parameter text: as written in the configuration.
    /// - Throws: ``Mistake``.
    public init(_ text: String) throws(Mistake) {
        var parts: [Part] = []
        // Scalar by scalar: a brace and the combining mark behind it are one `Character`, which is no brace.
        var literal = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            switch (scalar, rest.first) {
            case ("{", "{"), ("}", "}"):
                literal.append(rest.removeFirst())
            case ("{", _):
                guard let end = rest.firstIndex(of: "}") else { throw .unclosedBrace }
                let column = String(rest[..<end])
                guard !column.isEmpty else { throw .emptyColumn }
                rest = rest[rest.index(after: end)...]
                if !literal.isEmpty {
                    parts.append(.literal(String(literal)))
                    literal = .init()
                } else if case .column(let previous) = parts.last {
                    throw .adjacentColumns(previous, column)
                }
                parts.append(.column(column))
            case ("}", _):
                throw .strayBrace
            default:
                literal.append(scalar)
            }
        }
        if !literal.isEmpty { parts.append(.literal(String(literal))) }
        self.parts = parts
        guard !columns.isEmpty else { throw .noColumn }
    }

    /// The columns named, in order of appearance; a column may appear twice.
    public var columns: [String] {
        parts.compactMap { part in
            switch part {
            case .literal: nil
            case .column(let name): name
            }
        }
    }
}

extension KeyTemplate: CustomStringConvertible {
    /// The template as it is written in the configuration.
    public var description: String {
        var text = String.UnicodeScalarView()
        for part in parts {
            switch part {
            case .column(let name): text.append(contentsOf: "{\(name)}".unicodeScalars)
            case .literal(let literal):
                for scalar in literal.unicodeScalars {
                    if scalar == "{" || scalar == "}" { text.append(scalar) }
                    text.append(scalar)
                }
            }
        }
        return String(text)
    }
}

extension KeyTemplate.Part {
    public static func == (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.literal(let text), .literal(let otherText)), (.column(let text), .column(let otherText)):
            text.isExactly(otherText)
        case (.literal, .column), (.column, .literal): false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .literal(let text), .column(let text): text.hashExactly(into: &hasher)
        }
    }
}

internal import Formatting

/// One line of the screen: pieces of text, each in a style.
struct Line: Hashable, Sendable {
    enum Style: Hashable, Sendable {
        case plain, bold, dim, good, bad

        /// The terminal's code that switches it on.
        var code: String {
            switch self {
            case .plain: ""
            case .bold: "\u{1B}[1m"
            case .dim: "\u{1B}[2m"
            case .good: "\u{1B}[32m"
            case .bad: "\u{1B}[33m"
            }
        }
    }

    struct Piece: Hashable, Sendable {
        let text: String
        let style: Style
    }

    private(set) var pieces: [Piece] = []

    init(_ text: String = "", _ style: Style = .plain) { add(text, style) }

    mutating func add(_ text: String, _ style: Style = .plain) {
        if !text.isEmpty { pieces.append(Piece(text: text, style: style)) }
    }

    /// The text without styles.
    var text: String { pieces.map(\.text).joined() }
    /// The width in columns.
    var width: Int { pieces.reduce(0) { $0 + Columns.count($1.text) } }

    /// The line, or its beginning with an ellipsis.
    func cut(to limit: Int) -> Line {
        guard width > limit else { return self }
        var line = Line()
        var left = limit
        for piece in pieces {
            let count = Columns.count(piece.text)
            // One column stays for the ellipsis, unless this piece gets it.
            if count < left {
                line.add(piece.text, piece.style)
                left -= count
            } else {
                line.add(Columns.cut(piece.text + "…", to: left), piece.style)
                break
            }
        }
        return line
    }

    /// The text with codes for a terminal.
    func rendered(withStyles: Bool) -> String {
        pieces.map { piece in
            withStyles && piece.style != .plain ? "\(piece.style.code)\(piece.text)\u{1B}[0m" : piece.text
        }.joined()
    }
}

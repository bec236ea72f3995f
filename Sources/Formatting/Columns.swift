/// How many columns of a terminal a text takes: Chinese characters and pictures take two.
package enum Columns {
    package static func count(_ text: some StringProtocol) -> Int { text.reduce(0) { $0 + width($1) } }

    /// How many of the text's characters, from its beginning, fit into this many columns.
    package static func fitting(_ text: some StringProtocol, in columns: Int) -> Int {
        var (characters, taken) = (0, 0)
        for character in text {
            taken += width(character)
            guard taken <= columns else { break }
            characters += 1
        }
        return characters
    }

    /// The text with blanks behind it, or before it, as long as it is shorter than `width`.
    package static func pad(_ text: String, to width: Int, toTheRight: Bool = false) -> String {
        let blanks = String(repeating: " ", count: max(0, width - count(text)))
        return toTheRight ? blanks + text : text + blanks
    }

    /// The text, or its beginning with an ellipsis.
    package static func cut(_ text: String, to limit: Int) -> String {
        guard count(text) > limit else { return text }
        return limit > 0 ? text.prefix(fitting(text, in: limit - 1)) + "…" : ""
    }

    private static func width(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        // What Unicode's `EastAsianWidth.txt` calls wide or full-width.
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19,
            0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF,
            0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return scalar.properties.isEmojiPresentation ? 2 : 1
        }
    }
}

/// Words of SQL, as PostgreSQL's lexer knows them, for those who want to know which functions a text may call.
enum SQLWords {
    /// The names that stand before an opening parenthesis, as the catalogs spell them: those without quotation marks
    /// in lower case, those in quotation marks as they are.
    ///
    /// Scalar by scalar: a parenthesis and the combining mark behind it are one `Character`, which is no parenthesis.
    static func called(in text: String) -> [String] {
        var names: [String] = []
        var word = String.UnicodeScalarView()
        var hasEnded = false
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if scalar == "\"" {
                word = quoted(&rest)
                hasEnded = true
            } else if isPartOfName(scalar) {
                if hasEnded { word = .init() }
                word.append(lowercased(scalar))
                hasEnded = false
            } else if scalar.properties.isWhitespace {
                hasEnded = true  // the parenthesis may stand apart
            } else {
                if scalar == "(", !word.isEmpty { names.append(String(word)) }
                word = .init()
            }
        }
        return names
    }

    /// Takes the rest of a name in quotation marks; two of them stand for one.
    private static func quoted(_ rest: inout Substring.UnicodeScalarView) -> String.UnicodeScalarView {
        var name = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            if scalar == "\"" {
                guard rest.first == "\"" else { break }
                rest.removeFirst()
            }
            name.append(scalar)
        }
        return name
    }

    /// Letters, digits, `_`, `$`, and all that is not ASCII.
    private static func isPartOfName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "$": true
        default: scalar.value >= 0x80
        }
    }

    /// PostgreSQL leaves other letters alone, but in encodings of one byte.
    private static func lowercased(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        ("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar
    }
}

/// Takes passwords out of connection strings, for people to see the rest.
///
/// Scalar by scalar: an `@` and the combining mark behind it are one `Character`, which ends no password.
enum Redaction {
    private typealias Scalars = Substring.UnicodeScalarView

    /// `scheme://user:password@host/…?password=…`: also where the text is no valid URL.
    @Sendable static func url(_ text: String) -> String {
        let scalars = text.unicodeScalars[...]
        guard let scheme = scalars.firstRange(of: "://".unicodeScalars) else { return "***" }
        let rest = scalars[scheme.upperBound...]
        // What one reading of the text takes for a password is hidden, whatever others would say: rather too much.
        let hidden = secrets(of: rest)
        var shown = String(scalars[..<scheme.upperBound])
        var place = rest.startIndex
        var isHiding = false
        while true {
            // An empty password is hidden too: that there is none is nobody's business either.
            if let secret = hidden.first(where: { $0.contains(place) || $0.isEmpty && $0.lowerBound == place }) {
                if !isHiding { shown += "***" }
                isHiding = true
                place = secret.upperBound
                if !secret.isEmpty { continue }
            }
            guard place < rest.endIndex else { break }
            isHiding = false
            shown.unicodeScalars.append(rest[place])
            place = rest.index(after: place)
        }
        return shown
    }

    /// The parts behind the scheme that may be a password.
    private static func secrets(of rest: Scalars) -> [Range<Scalars.Index>] {
        var secrets: [Range<Scalars.Index>] = []
        // A password before the host may itself hold `@`, `/` or `?`, so that only the last `@` ends it.
        if let at = rest.lastIndex(of: "@"), let colon = rest[..<at].firstIndex(of: ":") {
            secrets.append(rest.index(after: colon)..<at)
        }
        // One in a parameter may hold `@`.
        var parameters = rest.drop { $0 != "?" }.dropFirst()
        while !parameters.isEmpty {
            let parameter = parameters.prefix { $0 != "&" }
            let name = parameter.prefix { $0 != "=" }
            if isSecret(name), name.count < parameter.count {
                secrets.append(parameter.index(after: name.endIndex)..<parameter.endIndex)
            }
            parameters = parameters[parameter.endIndex...].dropFirst()
        }
        return secrets
    }

    /// A libpq connection string: a URI, or `host=… password='…'`.
    @Sendable static func postgres(_ text: String) -> String {
        if isPostgresURI(text) { return url(text) }
        var shown: [String] = []
        var rest = text.unicodeScalars[...]
        while let (name, value) = nextKeyword(&rest) {
            shown.append("\(name)=\(isSecret(name.unicodeScalars[...]) ? "***" : value)")
        }
        return shown.joined(separator: " ")
    }

    static func isPostgresURI(_ text: String) -> Bool {
        ["postgresql://", "postgres://"].contains { text.utf8.starts(with: $0.utf8) }
    }

    /// Whether a parameter holds a password; libpq reads `%70assword` as well.
    private static func isSecret(_ name: Scalars) -> Bool {
        let name = Substring(name).lowercased().utf8
        return name.contains("pass".utf8) || name.contains("secret".utf8) || name.contains(UInt8(ascii: "%"))
    }

    /// Takes `name = value` from the front, with libpq's quotes and backslashes.
    private static func nextKeyword(_ rest: inout Scalars) -> (name: String, value: String)? {
        rest = rest.drop(while: isBlank)
        guard !rest.isEmpty else { return nil }
        let name = rest.prefix { $0 != "=" && !isBlank($0) }
        rest = rest.dropFirst(name.count).drop(while: isBlank)
        guard rest.first == "=" else { return ("***", "") }
        rest = rest.dropFirst().drop(while: isBlank)
        let isQuoted = rest.first == "'"
        var value = String.UnicodeScalarView()
        if isQuoted { value.append(rest.removeFirst()) }
        while let scalar = rest.popFirst() {
            if !isQuoted && isBlank(scalar) { break }
            value.append(scalar)
            if scalar == "\\", let escaped = rest.popFirst() {
                value.append(escaped)
            } else if isQuoted && scalar == "'" {
                break
            }
        }
        return (String(name), String(value))
    }

    /// Whether a character parts keywords for libpq: other blanks belong to a value.
    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || (0x09...0x0D).contains(scalar.value)
    }
}

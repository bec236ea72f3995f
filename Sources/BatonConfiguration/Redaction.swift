/// Takes passwords out of connection strings, for people to see the rest.
///
/// Scalar by scalar: an `@` and the combining mark behind it are one `Character`, which ends no password.
enum Redaction {
    private typealias Scalars = Substring.UnicodeScalarView

    /// `scheme://user:password@host/…?password=…`: also where the text is no valid URL.
    @Sendable static func url(_ text: String) -> String {
        let scalars = text.unicodeScalars[...]
        guard let scheme = scalars.firstRange(of: "://".unicodeScalars) else { return "***" }
        var rest = scalars[scheme.upperBound...]
        var shown = String(scalars[..<scheme.upperBound])
        // A password may itself hold `@`, `/` or `?`, so that only the last `@` ends it: rather hide too much.
        if let at = rest.lastIndex(of: "@") {
            let credentials = rest[..<at]
            shown += credentials.firstIndex(of: ":").map { String(credentials[...$0]) + "***" } ?? String(credentials)
            rest = rest[at...]
        }
        let query = rest.firstIndex(of: "?") ?? rest.endIndex
        shown += String(rest[..<query])
        guard query < rest.endIndex else { return shown }
        let parameters = rest[rest.index(after: query)...].split(separator: "&").map { parameter in
            let name = parameter.prefix { $0 != "=" }
            return isSecret(name) ? "\(String(name))=***" : String(parameter)
        }
        return shown + "?" + parameters.joined(separator: "&")
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

    /// What parts keywords for libpq: other blanks belong to a value.
    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || (0x09...0x0D).contains(scalar.value)
    }
}

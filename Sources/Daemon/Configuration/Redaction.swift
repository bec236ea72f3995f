/// Takes passwords out of connection strings, for people to see the rest.
enum Redaction {
    /// `scheme://user:password@host/…?password=…`: also where the text is no valid URL.
    @Sendable static func url(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "://") else { return "***" }
        var rest = text[scheme.upperBound...]
        var shown = String(text[..<scheme.upperBound])
        // A password may itself hold `@`, `/` or `?`, so that only the last `@` ends it: rather hide too much.
        if let at = rest.lastIndex(of: "@") {
            let credentials = rest[..<at]
            let colon = credentials.firstIndex(of: ":")
            shown += colon.map { credentials[...$0] + "***" } ?? credentials
            rest = rest[at...]
        }
        let query = rest.firstIndex(of: "?") ?? rest.endIndex
        shown += rest[..<query]
        guard query < rest.endIndex else { return shown }
        let parameters = rest[rest.index(after: query)...].split(separator: "&").map { parameter in
            let name = parameter.prefix { $0 != "=" }
            return isSecret(name) ? "\(name)=***" : String(parameter)
        }
        return shown + "?" + parameters.joined(separator: "&")
    }

    /// A libpq connection string: a URI, or `host=… password='…'`.
    @Sendable static func postgres(_ text: String) -> String {
        if isPostgresURI(text) { return url(text) }
        var shown: [String] = []
        var rest = text[...]
        while let (name, value) = nextKeyword(&rest) {
            shown.append("\(name)=\(isSecret(name) ? "***" : value)")
        }
        return shown.joined(separator: " ")
    }

    static func isPostgresURI(_ text: String) -> Bool {
        text.hasPrefix("postgresql://") || text.hasPrefix("postgres://")
    }

    private static func isSecret(_ name: some StringProtocol) -> Bool {
        name.lowercased().contains("pass") || name.lowercased().contains("secret")
    }

    /// Takes `name = value` from the front, with libpq's quotes and backslashes.
    private static func nextKeyword(_ rest: inout Substring) -> (name: String, value: String)? {
        rest = rest.drop(while: \.isWhitespace)
        guard !rest.isEmpty else { return nil }
        let name = rest.prefix { $0 != "=" && !$0.isWhitespace }
        rest = rest.dropFirst(name.count).drop(while: \.isWhitespace)
        guard rest.first == "=" else { return ("***", "") }
        rest = rest.dropFirst().drop(while: \.isWhitespace)
        let isQuoted = rest.first == "'"
        var value = ""
        if isQuoted { value.append(rest.removeFirst()) }
        while let character = rest.popFirst() {
            if !isQuoted && character.isWhitespace { break }
            value.append(character)
            if character == "\\", let escaped = rest.popFirst() {
                value.append(escaped)
            } else if isQuoted && character == "'" {
                break
            }
        }
        return (String(name), value)
    }
}

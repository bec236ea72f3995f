internal import Formatting
internal import PostgresClient
internal import RedisClient

/// The form of a setting's text, and the value that it stands for.
struct SettingFormat<Value>: Sendable {
    /// A text that is valid, for documentation, and as a stand-in after a mistake so that reading goes on.
    let example: String
    /// Text that may be shown to people for a valid text: all of it, unless it holds a secret.
    var redact: @Sendable (String) -> String = { $0 }
    /// The value may also come from a file that a variable `…_FILE` names.
    var isSecret = false
    let parse: @Sendable (String) throws(SettingRefusal) -> Value

    /// The value of a text that is known to be valid because it is part of the program.
    func literal(_ text: String) -> Value {
        do throws(SettingRefusal) {
            return try parse(text)
        } catch {
            preconditionFailure("the program's own text \(text.quoted) \(error.problem)")
        }
    }
}

// MARK: Text

extension SettingFormat<String> {
    /// Any text that is not empty.
    static func text(example: String) -> Self {
        Self(example: example) { text throws(SettingRefusal) in
            guard !text.isEmpty else {
                throw SettingRefusal("is empty", remedy: "Write something such as \(example.quoted)")
            }
            return text
        }
    }

    /// A file, by its path.
    static func path(example: String) -> Self { text(example: example) }

    /// A word that may become part of a Redis key, a metric label or a variable.
    static let name = Self(example: "main") { text throws(SettingRefusal) in
        guard text.isName else {
            throw SettingRefusal(
                "\(text.quoted) is not a name",
                remedy: "Use at most \(String.longestName) letters, digits, `_` and `-`, beginning with a letter, "
                    + "such as `main`")
        }
        return text
    }

    /// The text before every key: the braces of Redis' hash tags would change where Baton's own keys are kept.
    static let keyPrefix = Self(example: "staging:") { text throws(SettingRefusal) in
        guard
            text.unicodeScalars.allSatisfy({
                !"{} ".unicodeScalars.contains($0) && $0.properties.generalCategory != .control
            })
        else {
            throw SettingRefusal(
                "\(text.quoted) has a brace, a space or a control character",
                remedy: "Write a prefix such as `staging:`, or \"\" for none")
        }
        return text
    }

    /// Anything, never shown.
    static let password = Self(
        example: "secret", redact: { _ in "***" }, isSecret: true,
        parse: { text throws(SettingRefusal) in
            guard !text.isEmpty else {
                throw SettingRefusal("is empty", remedy: "Give the password, or leave the setting out")
            }
            return text
        })

    /// A libpq connection string, as URI or as keywords. What libpq can tell without a server is checked.
    static let postgresURL = Self(
        example: "postgresql://baton@127.0.0.1:5432/app", redact: Redaction.postgres, isSecret: true
    ) { text throws(SettingRefusal) in
        let isOtherURL = text.unicodeScalars.drop { $0.properties.isAlphabetic }.starts(with: "://".unicodeScalars)
        guard Redaction.isPostgresURI(text) || text.utf8.contains(UInt8(ascii: "=")) && !isOtherURL else {
            throw SettingRefusal(
                "is not a PostgreSQL connection string",
                remedy: "Write `postgresql://user@host:5432/database` or `host=… dbname=… user=…`")
        }
        // libpq would take the front of the password for the port or the host, and show it in its complaints.
        if Redaction.isPostgresURI(text), isAmbiguous(text) {
            throw SettingRefusal(
                "has a `/`, `?` or `@` before the `@` that ends the password, or a port that is no number",
                remedy: "In the user, the password and the database write `/` as `%2F`, `?` as `%3F` and `@` as `%40`")
        }
        do throws(PostgresError) {
            try PostgresConfiguration(url: text).validate()
        } catch {
            // A password that holds `?` would be shown as the name of a parameter.
            let isHarmless = !text.unicodeScalars.drop { $0 != "?" }.contains("@")
            throw SettingRefusal(
                "is no connection string that leads anywhere",
                remedy: isHarmless ? error.message.withoutFullStop : "See whether the password needs `%3F` for a `?`")
        }
        return text
    }
}

extension SettingFormat<String> {
    /// Whether a part of a password seems to stand where libpq looks for host, port or database.
    private static func isAmbiguous(_ uri: String) -> Bool {
        let scalars = uri.unicodeScalars[...]
        guard let scheme = scalars.firstRange(of: "://".unicodeScalars) else { return false }
        let rest = scalars[scheme.upperBound...]
        // libpq looks for the `@` behind user and password up to the first `/`, past any `?`.
        if let at = rest.prefix(while: { $0 != "/" }).firstIndex(of: "@"), rest[..<at].contains("?") { return true }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest.dropFirst(authority.count).prefix { $0 != "?" }
        guard !path.contains("@") else { return true }
        let parts = authority.split(separator: "@", omittingEmptySubsequences: false)
        // Hosts with ports, commas between; an IPv6 address is in brackets.
        let ports = parts[parts.count - 1].split(separator: ",").map { host in
            host.reversed().prefix { $0 != "]" }.reversed().drop { $0 != ":" }.dropFirst()
        }
        return parts.count > 2 || !ports.allSatisfy { $0.allSatisfy { ("0"..."9").contains($0) } }
    }
}

extension SettingFormat<RedisURL> {
    static let redisURL = Self(
        example: "redis://127.0.0.1:6379/0", redact: Redaction.url, isSecret: true
    ) { text throws(SettingRefusal) in
        do throws(RedisURLError) {
            return try RedisURL(text)
        } catch {
            let message = error.message
            throw SettingRefusal(
                "is not a Redis URL", remedy: message.hasSuffix(".") ? String(message.dropLast()) : message)
        }
    }
}

extension String {
    /// A longer one would make what the group keeps unreadable.
    static let longestName = 100

    /// `[A-Za-z][A-Za-z0-9_-]*`, and not too long.
    var isName: Bool {
        guard utf8.count <= Self.longestName, let first = utf8.first, first != UInt8(ascii: "_") else { return false }
        return isWord && !contains(".") && Character(Unicode.Scalar(first)).isLetter
    }
}

// MARK: Choices

extension SettingFormat where Value: RawRepresentable & CaseIterable & SendableMetatype, Value.RawValue == String {
    /// One of the words of an enumeration.
    static var choice: Self {
        let words = Value.allCases.map(\.rawValue)
        return Self(example: words[0]) { text throws(SettingRefusal) in
            guard let value = Value(rawValue: text) else {
                throw SettingRefusal(
                    "\(text.quoted) is none of \(Wording.list(words))",
                    remedy: Wording.advice(for: text, among: words, otherwise: "Use one of them"))
            }
            return value
        }
    }
}

extension SettingFormat<Bool> {
    static let flag = Self(example: "true") { text throws(SettingRefusal) in
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: throw SettingRefusal("\(text.quoted) is neither true nor false", remedy: "Write `true` or `false`")
        }
    }
}

// MARK: Numbers with and without units

extension SettingFormat<Int> {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(example: "\(range.lowerBound)") { text throws(SettingRefusal) in
            let advice = "Write a whole number from \(range.lowerBound) to \(range.upperBound), in plain digits"
            guard text.isPlainNumber, let number = Int(text) else {
                throw SettingRefusal("\(text.quoted) is not a whole number", remedy: advice)
            }
            guard range.contains(number) else { throw SettingRefusal("\(text.quoted) is out of range", remedy: advice) }
            return number
        }
    }

    /// A number of bytes.
    static func bytes(_ range: ClosedRange<Int>) -> Self {
        Self(example: ByteCount.render(range.upperBound)) { text throws(SettingRefusal) in
            guard let count = ByteCount.parse(text) else {
                throw SettingRefusal(
                    "\(text.quoted) is not a size",
                    remedy: "Write a whole number with its unit: `512B`, `64KiB`, `8MiB` or `1GiB`")
            }
            guard range.contains(count) else {
                throw SettingRefusal(
                    "\(text.quoted) is out of range",
                    remedy: "Use \(ByteCount.render(range.lowerBound)) to \(ByteCount.render(range.upperBound))")
            }
            return count
        }
    }
}

extension SettingFormat<Duration> {
    /// - Parameter shortest: the least that is accepted.
    static func duration(atLeast shortest: Duration = .milliseconds(1)) -> Self {
        Self(example: DurationText.render(shortest)) { text throws(SettingRefusal) in
            guard let duration = DurationText.parse(text) else {
                throw SettingRefusal(
                    "\(text.quoted) is not a duration",
                    remedy: "Write whole numbers with their units: `600ms`, `3s`, `10m`, `24h` or `1h30m`")
            }
            guard duration >= shortest else {
                throw SettingRefusal(
                    "\(text.quoted) is too short", remedy: "Use at least `\(DurationText.render(shortest))`")
            }
            guard duration <= DurationText.longest else {
                throw SettingRefusal(
                    "\(text.quoted) is too long", remedy: "Use at most `\(DurationText.render(DurationText.longest))`")
            }
            return duration
        }
    }
}

extension SettingFormat<Double> {
    /// A share from nothing to less than `limit` percent, as a fraction: `5%` is 0.05.
    static func percentage(below limit: Int) -> Self {
        Self(example: "5%") { text throws(SettingRefusal) in
            let digits = text.dropLast().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard text.hasSuffix("%"),
                digits.allSatisfy({ !$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber } }),
                let percent = Double(text.dropLast())
            else {
                throw SettingRefusal("\(text.quoted) is not a percentage", remedy: "Write one such as `5%`")
            }
            guard percent < Double(limit) else {
                throw SettingRefusal(
                    "\(text.quoted) is out of range", remedy: "Use `0%` or more and less than `\(limit)%`")
            }
            return percent / 100
        }
    }
}

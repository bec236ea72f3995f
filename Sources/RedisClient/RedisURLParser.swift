internal import Formatting

/// Takes a URL's text apart. A value of its own so that ``RedisURL`` stays readable.
///
/// Scalar by scalar: an `@` and the combining mark behind it are one `Character`, which is no `@`.
struct RedisURLParser {
    private typealias Scalars = Substring.UnicodeScalarView

    private let text: Scalars

    init(_ text: String) {
        self.text = text.unicodeScalars[...]
    }

    func parse() throws(RedisURLError) -> RedisURL {
        if self.text.contains(where: { $0.value <= 0x20 || $0.value == 0x7F }) {
            throw RedisURLError(
                "The Redis URL holds a space, line break or control character: remove it, or write it as %20 and so on."
            )
        }
        guard let colon = self.text.firstRange(of: "://".unicodeScalars) else {
            throw RedisURLError("A Redis URL begins with redis://, rediss:// or unix://.")
        }
        let scheme = Substring(self.text[..<colon.lowerBound]).lowercased()
        guard ["redis", "rediss", "unix"].contains(scheme) else {
            throw RedisURLError("The scheme of the Redis URL is not known: use redis://, rediss:// (TLS) or unix://.")
        }
        var rest = self.text[colon.upperBound...]
        if rest.contains("#") {
            throw RedisURLError("A Redis URL has no '#' part: write a # that belongs to the password as %23.")
        }
        let queryDatabase = try self.takeQuery(&rest)

        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        let path = rest[slash...]
        let (username, password) = try self.takeUser(&authority)

        if scheme == "unix" {
            guard authority.isEmpty, path.count > 1 else {
                throw RedisURLError("A unix:// URL names an absolute path, with three slashes: unix:///run/redis.sock")
            }
            let socket = try Self.decoded(path, what: "path")
            guard socket.utf8.count <= 107, !socket.utf8.contains(0) else {
                throw RedisURLError("The path of the unix:// URL is longer than the 107 bytes of a socket's name.")
            }
            return RedisURL(
                address: .unix(path: socket), username: username, password: password, database: queryDatabase ?? 0)
        }

        let (host, port) = try self.hostAndPort(authority)
        let pathDatabase = try self.database(path.dropFirst())
        if queryDatabase != nil, pathDatabase != nil {
            throw RedisURLError("The Redis URL names its database twice: keep either /N or ?db=N.")
        }
        return RedisURL(
            address: .tcp(host: host, port: port), usesTLS: scheme == "rediss", username: username,
            password: password, database: pathDatabase ?? queryDatabase ?? 0)
    }

    /// Cuts `?db=N` off and reads it.
    private func takeQuery(_ rest: inout Scalars) throws(RedisURLError) -> Int? {
        guard let mark = rest.lastIndex(of: "?") else { return nil }
        let query = rest[rest.index(after: mark)...]
        guard query.starts(with: "db=".unicodeScalars) else {
            throw RedisURLError(
                "After '?' a Redis URL knows only db=N: write a ? that belongs to the password as %3F.")
        }
        rest = rest[..<mark]
        guard let database = try self.database(query.dropFirst(3)) else {
            throw RedisURLError("The Redis URL's ?db= wants a number: 0, 1, 2, …")
        }
        return database
    }

    /// Cuts `user:password@` off and decodes it. The last `@` counts, so a password may hold others.
    private func takeUser(_ authority: inout Scalars) throws(RedisURLError) -> (String?, String?) {
        guard let at = authority.lastIndex(of: "@") else { return (nil, nil) }
        let userInfo = authority[..<at]
        authority = authority[authority.index(after: at)...]
        let colon = userInfo.firstIndex(of: ":")
        let username = try Self.decoded(userInfo[..<(colon ?? userInfo.endIndex)], what: "user name")
        let password: String?
        if let colon {
            password = try Self.decoded(userInfo[userInfo.index(after: colon)...], what: "password")
        } else {
            password = nil
        }
        return (username.isEmpty ? nil : username, password?.isEmpty == true && username.isEmpty ? nil : password)
    }

    private func hostAndPort(_ authority: Scalars) throws(RedisURLError) -> (String, Int) {
        if authority.first == "[" {
            guard let bracket = authority.firstIndex(of: "]") else {
                throw RedisURLError("The Redis URL opens '[' for an IPv6 address and does not close it.")
            }
            let host = try Self.decoded(
                authority[authority.index(after: authority.startIndex)..<bracket], what: "host")
            let zone = host.utf8.firstIndex(of: UInt8(ascii: "%")) ?? host.endIndex
            let address = host.utf8[..<zone]
            guard address.contains(UInt8(ascii: ":")),
                address.allSatisfy({ $0.isHexDigit || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else {
                throw RedisURLError("Between '[' and ']' the Redis URL wants an IPv6 address, such as [::1].")
            }
            let rest = authority[authority.index(after: bracket)...]
            guard rest.isEmpty || rest.first == ":" else {
                throw RedisURLError("After ']' the Redis URL wants nothing, ':port' or '/database'.")
            }
            return (host, rest.isEmpty ? Self.defaultPort : try self.port(rest.dropFirst()))
        }

        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count > 2 {
            throw RedisURLError(
                "The Redis URL's host holds more than one ':'. An IPv6 address stands in brackets (redis://[::1]:6379); "
                    + "a password's special characters are percent-encoded (/ is %2F).")
        }
        let host = try Self.decoded(parts.first ?? authority, what: "host")
        guard !host.isEmpty else {
            throw RedisURLError(
                "The Redis URL names no host: write redis://host:port. If the password holds a /, write it as %2F.")
        }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !Self.notInHosts.contains($0) }) else {
            throw RedisURLError("The Redis URL's host holds a character that no host name has.")
        }
        return (host, parts.count == 2 ? try self.port(parts[1]) : Self.defaultPort)
    }

    private func port(_ text: Scalars) throws(RedisURLError) -> Int {
        guard text.count <= 5, text.allSatisfy(Self.isDigit), let port = Int(String(text)), (1...65535).contains(port)
        else {
            throw RedisURLError(
                "The Redis URL's port is not a number from 1 to 65535. If the password holds a /, write it as %2F.")
        }
        return port
    }

    private func database(_ text: Scalars) throws(RedisURLError) -> Int? {
        if text.isEmpty { return nil }
        guard text.count <= 9, text.allSatisfy(Self.isDigit), let database = Int(String(text)) else {
            throw RedisURLError(
                "The Redis URL's database is not a number (0, 1, 2, …). If the password holds a /, write it as %2F.")
        }
        return database
    }

    private static func decoded(_ text: Scalars, what: String) throws(RedisURLError) -> String {
        guard let bytes = PercentEncoding.decode(Substring(text)) else {
            throw RedisURLError("The Redis URL's \(what) holds a % that is not followed by two hex digits: use %25.")
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw RedisURLError("The Redis URL's \(what) is not UTF-8 when its percent-encoding is undone.")
        }
        return decoded
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

    private static let defaultPort = 6379
    private static let notInHosts = Set("/?#@[]\\\"'<>{}|^`".utf8)
}

extension UInt8 {
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    var isHexDigit: Bool { self.hexValue != nil }
}

internal import Formatting

/// Where a Redis is and how to log in there, read from the text that people write into configurations.
///
///     redis://[user[:password]@]host[:port][/database]
///     rediss://…                                         the same over TLS
///     unix://[user[:password]@]/path/to/redis.sock[?db=database]
///
/// User name, password and path may hold percent-encoded bytes (`%40` for `@`); an IPv6 address stands in brackets
/// (`redis://[::1]:6379`); a missing port is 6379, a missing database 0. `?db=` works with every scheme.
/// The descriptions never hold the password.
public struct RedisURL: Hashable, Sendable {
    /// The end point that the client connects to.
    public enum Address: Hashable, Sendable {
        /// A DNS name, an IPv4 address or an IPv6 address without brackets; port 1–65535.
        case tcp(host: String, port: Int)
        /// The absolute path of a unix-domain socket.
        case unix(path: String)
    }

    /// The end point that the client connects to.
    public var address: Address
    /// Whether the connection is encrypted (`rediss://`).
    public var usesTLS: Bool
    /// The user to log in as; `nil` is the server's default user.
    public var username: String?
    /// The password to log in with; `nil` sends no `AUTH` unless there is a user name.
    public var password: String?
    /// The number of the database that is selected after logging in; 0 is every connection's first.
    public var database: Int

    /// Puts a URL together from its parts.
    public init(
        address: Address, usesTLS: Bool = false, username: String? = nil, password: String? = nil, database: Int = 0
    ) {
        self.address = address
        self.usesTLS = usesTLS
        self.username = username
        self.password = password
        self.database = database
    }

    /// Reads a URL.
    ///
    /// - Throws: ``RedisURLError``, which says what is wrong without repeating any part that might be a secret.
    public init(_ text: String) throws(RedisURLError) {
        self = try RedisURLParser(text).parse()
    }
}

extension RedisURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL without its password: fit for logs.
    public var description: String {
        let user = self.username.map { PercentEncoding.encode($0) + "@" } ?? ""
        switch self.address {
        case .tcp:
            let scheme = self.usesTLS ? "rediss" : "redis"
            return "\(scheme)://\(user)\(self.address)/\(self.database)"
        case .unix(let path):
            return "unix://\(user)\(path)" + (self.database == 0 ? "" : "?db=\(self.database)")
        }
    }

    /// The same as ``description``: a debugger's or a test's output holds no password either.
    public var debugDescription: String { self.description }

    /// Shows only the description, so that `dump` cannot tell the password.
    public var customMirror: Mirror { Mirror(self, children: ["url": self.description]) }
}

extension RedisURL.Address: CustomStringConvertible {
    /// `host:port`, or the path of the socket.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}

extension RedisURL {
    /// The same at another address.
    func at(_ address: Address) -> RedisURL {
        var url = self
        url.address = address
        return url
    }
}

/// A mistake in the text of a URL, and what to write instead. It never repeats user name, password or host, since a
/// misplaced character may make one look like the other.
public struct RedisURLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong and what to do about it, for people.
    public let message: String

    /// The same as ``message``.
    public var description: String { self.message }

    init(_ message: String) {
        self.message = message
    }
}

/// How to reach a Redis, and how long to wait for it.
public struct RedisConfiguration: Sendable {
    /// Where the server is, the user, password and database.
    public var url: RedisURL
    /// Asked at each connecting where to go; by default the address of ``url``.
    public var resolver: any RedisResolver
    /// The servers that connections have reached. Copies share it; so should all configurations of one process, as
    /// they may reach the same servers.
    public var servers: RedisServers
    /// How `rediss://` is verified; ignored otherwise.
    public var tls: RedisTLS
    /// Used instead of the URL's user name; `nil` leaves the URL's.
    public var username: String?
    /// Used instead of the URL's password, for instance from a mounted secret; `nil` leaves the URL's.
    public var password: String?
    /// Asked for each new connection where it is set, on a thread that may block; what it says replaces
    /// ``username``, ``password`` and those of the URL. Its errors are told; what worked before is then used.
    public var credentials: (@Sendable () throws(RedisError) -> RedisCredentials)?
    /// The sign-ins with which connections got in.
    let access = RedisAccess()
    /// How long connecting may take: everything between the question to ``resolver`` and the server's first answers
    /// (TLS, `AUTH`, `SELECT`) together.
    public var connectTimeout: Duration
    /// How long a command may take from its submission to its reply, unless the call says otherwise.
    public var commandTimeout: Duration
    /// Scripts that a new connection makes known to the server while it logs in, at the cost of no further round trip.
    public var scripts: [RedisScript] = []
    /// How many commands may be without a reply on one connection at a time.
    public var pipelineDepth: Int
    /// Shown by the server's `CLIENT LIST`; without spaces. A server that forbids the name is used without it.
    public var clientName: String?
    /// How reconnecting slows down while the server cannot be reached.
    public var backoff: RedisBackoff
    /// How often a subscription asks the server for a sign of life; it has ``commandTimeout`` to answer.
    public var subscriptionPing: Duration
    /// A reply that takes more memory than this, in bytes, closes the connection; 64 are counted for each element of an
    /// array. By default 512 MiB, the server's own limit for one value.
    public var maximumReplyBytes: Int

    /// - Parameter pipelineDepth: at least 1.
    public init(
        url: RedisURL, tls: RedisTLS = RedisTLS(), username: String? = nil, password: String? = nil,
        connectTimeout: Duration = .seconds(2), commandTimeout: Duration = .seconds(2), pipelineDepth: Int = 1024,
        clientName: String? = nil, backoff: RedisBackoff = RedisBackoff(), subscriptionPing: Duration = .seconds(5),
        maximumReplyBytes: Int = 512 << 20, resolver: any RedisResolver = URLResolver(),
        servers: RedisServers = RedisServers()
    ) {
        self.url = url
        self.resolver = resolver
        self.servers = servers
        self.tls = tls
        self.username = username
        self.password = password
        self.connectTimeout = connectTimeout
        self.commandTimeout = commandTimeout
        self.pipelineDepth = max(1, pipelineDepth)
        self.clientName = clientName
        self.backoff = backoff
        self.subscriptionPing = subscriptionPing
        self.maximumReplyBytes = maximumReplyBytes
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL without its password: fit for logs.
    public var description: String { self.url.description }

    /// The same as ``description``.
    public var debugDescription: String { self.description }

    /// Shows only the description, so that `dump` cannot tell the password.
    public var customMirror: Mirror { Mirror(self, children: ["url": self.description]) }
}

/// The files and the name with which a `rediss://` connection is verified. The server's certificate and name are always
/// checked. The files are PEM, and are read anew for each connection, so renewed certificates need no restart; files that
/// can't be used do no harm while those before still work.
public struct RedisTLS: Hashable, Sendable {
    /// The authorities that may sign the server's certificate; `nil` trusts the system's.
    public var caFile: String?
    /// The client's certificate and its chain, for servers that ask for one.
    public var certificateFile: String?
    /// The client's private key; `nil` looks for it in ``certificateFile``.
    public var keyFile: String?
    /// The DNS name that the server's certificate must bear, if it is not the host that the connection goes to.
    public var serverName: String?

    /// Everything `nil` verifies the host that the connection goes to against the system's authorities.
    public init(
        caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil
    ) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
    }
}

/// How long to wait before connecting again: ``initial``, doubled by each further failure up to ``maximum``, of which
/// a random part between half and all is waited, so that many clients do not come back in step.
public struct RedisBackoff: Hashable, Sendable {
    /// The delay after the first failure.
    public var initial: Duration
    /// The longest delay.
    public var maximum: Duration

    /// - Parameters: both at least zero; a `maximum` below `initial` counts as `initial`.
    public init(initial: Duration = .milliseconds(50), maximum: Duration = .seconds(2)) {
        self.initial = initial
        self.maximum = max(initial, maximum)
    }

    /// The delay after this many failures in a row.
    ///
    /// - Parameter random: from 0 to 1; passed in so that the rule can be tested.
    func delay(afterFailures failures: Int, random: Double) -> Duration {
        guard failures > 0 else { return .zero }
        let doublings = min(failures - 1, 20)
        let full = min(self.initial * (1 << doublings), self.maximum)
        return full * (0.5 + random / 2)
    }
}

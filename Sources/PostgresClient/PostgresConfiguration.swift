/// The place of a PostgreSQL server, the way to sign in, and how long to wait for it.
public struct PostgresConfiguration: Sendable {
    /// A libpq connection string: a URI (`postgresql://user@host:5432/database?sslmode=verify-full`) or keywords
    /// (`host=/run/postgresql dbname=app`).
    ///
    /// Every parameter of libpq is understood, TLS included (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`). What is
    /// left out comes from libpq's own places: the `PG…` environment variables, `~/.pgpass`, its defaults. Source:
    /// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>.
    public var url: String

    /// The password, if it is kept apart from the URL; it goes before one in the URL.
    public var password: String?

    /// What `pg_stat_activity` shows for the connection; it goes before one in the URL.
    public var applicationName: String?

    /// How long opening a connection may take altogether: name look-up, TCP, TLS, password and settings.
    ///
    /// A URL with several hosts shares this time among them.
    public var connectTimeout: Duration

    /// How long the server lets one statement run before it ends it with SQLSTATE 57014; zero for no limit.
    ///
    /// A `COPY` counts as one statement from its start to its last row, the time its reader takes included.
    public var statementTimeout: Duration

    /// How long to wait for a server that sends nothing at all; the connection is then given up.
    ///
    /// `nil` is five seconds more than ``statementTimeout``, so that a server that works can report its own time-out;
    /// without a statement timeout there is then no limit. The time a reader takes between two chunks does not count.
    public var responseTimeout: Duration?

    /// Run-time parameters that hold in each transaction, as by `SET LOCAL`, in this order.
    ///
    /// Nothing is set for the session, because connection poolers share sessions among clients, and refuse or drop
    /// startup options. `client_encoding` cannot be set: it is UTF8, or SQL_ASCII for a database in that encoding,
    /// whose bytes then come as they are. Unless it is set here, the `search_path` is that of the URL, else that of
    /// role and database, with `pg_temp` behind it: no table of another client of a pooler stands before ours.
    public var settings: [(String, String)]

    /// Whether each transaction is one that cannot write.
    public var isReadOnly: Bool

    /// - Parameters:
    ///   - url: A libpq connection string; see ``url``.
    ///   - password: Goes before a password in the URL.
    ///   - applicationName: Shown by `pg_stat_activity`.
    ///   - connectTimeout: For opening altogether.
    ///   - statementTimeout: Kept by the server; zero for none.
    ///   - responseTimeout: Kept by the client; see ``responseTimeout`` for `nil`.
    ///   - settings: Run-time parameters as pairs of name and value.
    ///   - isReadOnly: Whether each transaction is one that cannot write.
    public init(
        url: String,
        password: String? = nil,
        applicationName: String? = nil,
        connectTimeout: Duration = .seconds(5),
        statementTimeout: Duration = .seconds(30),
        responseTimeout: Duration? = nil,
        settings: [(String, String)] = [],
        isReadOnly: Bool = false
    ) {
        self.url = url
        self.password = password
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.responseTimeout = responseTimeout
        self.settings = settings
        self.isReadOnly = isReadOnly
    }

    /// Whether both URLs lead to the same database in the same way, whoever signs in. Unreadable ones lead nowhere.
    public func leadsToSame(as other: PostgresConfiguration) -> Bool {
        func place(_ configuration: PostgresConfiguration) throws(PostgresError) -> [String: String] {
            try ConnectionOptions(PostgresConfiguration(url: configuration.url)).values
                .filter { !["user", "password"].contains($0.key) }
        }
        do throws(PostgresError) {
            return try place(self) == place(other)
        } catch {
            return false
        }
    }

    /// The wait for a silent server that is really used; `nil` for no limit.
    var effectiveResponseTimeout: Duration? {
        if let responseTimeout { return responseTimeout }
        return statementTimeout > .zero ? statementTimeout + .seconds(5) : nil
    }
}

extension PostgresConfiguration {
    /// Refuses what can lead nowhere, without asking anybody.
    ///
    /// - Throws: ``PostgresError`` with code ``PostgresError/Code-swift.enum/usage``.
    public func validate() throws(PostgresError) {
        let all = try ConnectionOptions(self)
        for (keyword, value) in all.values where ConnectionOptions.numbers.contains(keyword) {
            guard value.isEmpty || Int32(value) != nil else {
                throw .usage("The parameter \(keyword) of the PostgreSQL URL is not a whole number: \(value).")
            }
        }
        if let complaint = all.complaint {
            throw .usage("A parameter of the PostgreSQL URL can't be: \(complaint).")
        }
        for options in all.eachHost {
            guard let port = options.values["port"], !port.isEmpty else { continue }
            if !port.utf8.contains(UInt8(ascii: ",")) {
                guard let number = Int(port), (1...65_535).contains(number) else {
                    throw .usage("The port \(port) of the PostgreSQL URL is not a number from 1 to 65535.")
                }
            }
        }
    }

    /// The hosts of the URL, without ports.
    public var hosts: [String] { (try? ConnectionOptions(self).eachHost.map(\.host)) ?? [] }

    /// The servers of the URL, each as `host:port`; the first that answers is taken.
    public var places: [String] { (try? ConnectionOptions(self).eachHost.map(\.place)) ?? [] }

    /// The URL passes over hosts that take no writes, as standbys do.
    public var wantsPrimary: Bool {
        let wanted = (try? ConnectionOptions(self))?.values["target_session_attrs"]
        return wanted == "primary" || wanted == "read-write"
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Server, database and user; never the password.
    public var description: String {
        do throws(PostgresError) {
            return try ConnectionOptions(self).endpoint
        } catch {
            return "postgresql (unreadable URL)"
        }
    }

    public var debugDescription: String { description }

    /// Keeps `dump` and test failures from printing the password.
    public var customMirror: Mirror {
        Mirror(self, children: ["endpoint": description], displayStyle: .struct)
    }
}

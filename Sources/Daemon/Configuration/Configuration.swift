public import CacheRefresh
public import LeaderElection
public import RedisClient

/// What one replica is told to do: the contents of `baton.yaml`, of the datasets file that it names, and of the
/// environment. A value of this type that came from ``load(path:environment:)`` is consistent in itself; whether it
/// fits the servers is for `baton check` to say.
public struct Configuration: Hashable, Sendable {
    /// The PostgreSQL that the datasets are read from.
    public struct Postgres: Hashable, Sendable {
        /// A libpq connection string: a URI or `keyword=value` pairs. May hold a password: never show it.
        public var url: String
        /// Goes before one in `url`.
        public var password: String?
        /// Where `url` and `password` were read, if that was in files of their own.
        var urlFile: SecretFile?
        var passwordFile: SecretFile?
        /// How long the server may work on one statement; zero: for ever.
        public var statementTimeout: Duration
        /// The most connections that a leader keeps open; at least 1.
        public var connections: Int

        public init(
            url: String, password: String? = nil, statementTimeout: Duration = .seconds(30), connections: Int = 2
        ) {
            self.url = url
            self.password = password
            self.statementTimeout = statementTimeout
            self.connections = connections
        }
    }

    /// A Redis server that the lease or datasets name.
    public struct Redis: Hashable, Sendable {
        public var url: RedisURL
        /// Goes before one in `url`.
        public var username: String?
        /// Goes before one in `url`.
        public var password: String?
        /// Where `url` and `password` were read, if that was in files of their own.
        var urlFile: SecretFile?
        var passwordFile: SecretFile?
        /// How a `rediss://` server is verified, with paths as the process sees them.
        public var tls: RedisTLS

        public init(
            url: RedisURL, username: String? = nil, password: String? = nil, tls: RedisTLS = RedisTLS()
        ) {
            self.url = url
            self.username = username
            self.password = password
            self.tls = tls
        }
    }

    /// The lease that says who leads.
    public struct Lease: Hashable, Sendable {
        /// The name of the Redis that holds it.
        public var redis: String
        public var timing: ElectionTiming
        public var crashDetection: CrashDetection

        /// On what evidence a leader that does not resign is succeeded.
        public enum CrashDetection: String, CaseIterable, Sendable {
            /// Its process is gone, and its connections with it, or its lease has run out.
            case connection
            /// Its lease has run out.
            case ttl
        }

        public init(
            redis: String = "main", timing: ElectionTiming = .standard, crashDetection: CrashDetection = .connection
        ) {
            self.redis = redis
            self.timing = timing
            self.crashDetection = crashDetection
        }
    }

    /// How a replica ends.
    public struct Shutdown: Hashable, Sendable {
        /// How long a replica that was told to stop may finish what is in flight.
        public var drain: Duration

        public init(drain: Duration = .seconds(4)) {
            self.drain = drain
        }
    }

    /// What is logged, and how.
    public struct Log: Hashable, Sendable {
        /// The names of swift-log's levels.
        public enum Level: String, CaseIterable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        public enum Format: String, CaseIterable, Sendable {
            /// One JSON object a line.
            case json
            /// Lines for people.
            case text
        }

        /// The parts of a replica that log.
        public enum Label: String, CaseIterable, Sendable {
            /// The process: its start and end, its configuration, its watchdog.
            case replica
            /// Terms, renewals, operators' wishes.
            case election
            /// Passes, and the connections to PostgreSQL.
            case refresh
            /// Connections to Redis.
            case redis
        }

        public var level: Level
        public var format: Format
        /// Of the parts that have one of their own.
        public var levels: [Label: Level]

        public init(level: Level = .info, format: Format = .json, levels: [Label: Level] = [:]) {
            self.level = level
            self.format = format
            self.levels = levels
        }
    }

    /// The pages for those who watch a replica.
    public struct HTTP: Hashable, Sendable {
        /// Where they are served; nil: nowhere.
        public var listen: ListenAddress?

        public init(listen: ListenAddress? = nil) {
            self.listen = listen
        }
    }

    /// Keys that others keep, for the tools that look at the cache and clear it.
    public struct Family: Hashable, Sendable {
        public var name: String
        /// At least one. Text in braces stands for anything; `{id}` and `{phone}` are what `baton cache clear` asks
        /// for.
        public var templates: [KeyTemplate]
        /// The name of the Redis that holds the keys.
        public var redis: String
        /// Where the rows are, as SQL writes it; nil if that is not said.
        public var table: String?

        public init(name: String, templates: [KeyTemplate], redis: String = "main", table: String? = nil) {
            self.name = name
            self.templates = templates
            self.redis = redis
            self.table = table
        }
    }

    /// The version of the files' form.
    public static let version = 1

    /// The replicas of one name compete for one lease.
    public var group: String
    /// Goes before every key, Baton's own included; may be empty.
    public var keyPrefix: String
    public var postgres: Postgres
    /// By name; holds at least what ``lease`` and ``datasets`` name.
    public var redis: [String: Redis]
    public var lease: Lease
    public var shutdown: Shutdown
    public var log: Log
    public var http: HTTP
    /// The file that ``datasets`` came from.
    public var datasetsPath: String
    /// In the order of the file, those that are switched off included.
    public var datasets: [Dataset]
    /// In the order of the file.
    public var families: [Family]
    /// The datasets' names, in the order of the file.
    public var datasetNames: [String] { datasets.map(\.name) }
    /// Every setting as it took effect and where it was said, without secrets; empty if the value was not loaded.
    public internal(set) var settings: [ConfigurationSetting] = []

    public init(
        group: String = "default", keyPrefix: String = "", postgres: Postgres, redis: [String: Redis],
        lease: Lease = Lease(), shutdown: Shutdown = Shutdown(), log: Log = Log(), http: HTTP = HTTP(),
        datasetsPath: String = "datasets.yaml", datasets: [Dataset] = [], families: [Family] = []
    ) {
        self.group = group
        self.keyPrefix = keyPrefix
        self.postgres = postgres
        self.redis = redis
        self.lease = lease
        self.shutdown = shutdown
        self.log = log
        self.http = http
        self.datasetsPath = datasetsPath
        self.datasets = datasets
        self.families = families
    }

    /// The datasets that are switched on.
    public var enabledDatasets: [Dataset] { datasets.filter(\.isEnabled) }

    /// One line a setting, with its origin and without secrets: what `baton check` shows.
    public var redacted: String { settings.map(\.description).joined(separator: "\n") }
}

// Passwords stay out of logs and of what tests print.

extension Configuration.Postgres: CustomStringConvertible, CustomReflectable {
    /// The URL without its password.
    public var description: String { Redaction.postgres(url) }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

extension Configuration.Redis: CustomStringConvertible, CustomReflectable {
    /// The URL without its password.
    public var description: String { url.description }
    public var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

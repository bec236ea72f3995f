package import CacheRefresh
package import LeaderElection
package import RedisClient

/// What one replica is told to do: the contents of `baton.yaml`, of the datasets file that it names, and of the
/// environment. A value of this type that came from ``load(path:environment:)`` is consistent in itself; whether it
/// fits the servers is for `baton check` to say.
package struct Configuration: Hashable, Sendable {
    /// The PostgreSQL that the datasets are read from.
    package struct Postgres: Hashable, Sendable {
        /// A libpq connection string: a URI or `keyword=value` pairs. May hold a password: never show it.
        package var url: String
        /// Goes before one in `url`.
        package var password: String?
        /// Where `url` and `password` were read, if that was in files of their own.
        var urlFile: SecretFile?
        var passwordFile: SecretFile?
        /// How long the server may work on one statement; zero: for ever.
        package var statementTimeout: Duration
        /// The most connections that a leader keeps open; at least 1.
        package var connections: Int

        package init(
            url: String, password: String? = nil, statementTimeout: Duration = .seconds(30), connections: Int = 2
        ) {
            self.url = url
            self.password = password
            self.statementTimeout = statementTimeout
            self.connections = connections
        }
    }

    /// A Redis server that the lease or datasets name.
    package struct Redis: Hashable, Sendable {
        package var url: RedisURL
        /// Goes before one in `url`.
        package var username: String?
        /// Goes before one in `url`.
        package var password: String?
        /// Where `url` and `password` were read, if that was in files of their own.
        var urlFile: SecretFile?
        var passwordFile: SecretFile?
        /// How a `rediss://` server is verified, with paths as the process sees them.
        package var tls: RedisTLS

        package init(
            url: RedisURL, username: String? = nil, password: String? = nil, tls: RedisTLS = RedisTLS()
        ) {
            self.url = url
            self.username = username
            self.password = password
            self.tls = tls
        }
    }

    /// The lease that says who leads.
    package struct Lease: Hashable, Sendable {
        /// The name of the Redis that holds it.
        package var redis: String
        package var timing: ElectionTiming
        package var crashDetection: CrashDetection

        /// The evidence on which a leader that does not resign is succeeded.
        package enum CrashDetection: String, CaseIterable, Sendable {
            /// Its process is gone, and its connections with it, or its lease has run out.
            case connection
            /// Its lease has run out.
            case ttl
        }

        package init(
            redis: String = "main", timing: ElectionTiming = .standard, crashDetection: CrashDetection = .connection
        ) {
            self.redis = redis
            self.timing = timing
            self.crashDetection = crashDetection
        }
    }

    /// How a replica ends.
    package struct Shutdown: Hashable, Sendable {
        /// How long a replica that was told to stop may finish what is in flight.
        package var drain: Duration

        package init(drain: Duration = .seconds(4)) {
            self.drain = drain
        }
    }

    /// The log: its levels and its format.
    package struct Log: Hashable, Sendable {
        /// The names of swift-log's levels.
        package enum Level: String, CaseIterable, Sendable {
            case trace, debug, info, notice, warning, error, critical
        }

        package enum Format: String, CaseIterable, Sendable {
            /// One JSON object a line.
            case json
            /// Lines for people.
            case text
        }

        /// The parts of a replica that log.
        package enum Label: String, CaseIterable, Sendable {
            /// The process: its start and end, its configuration, its watchdog.
            case replica
            /// Terms, renewals, operators' requests.
            case election
            /// Passes, and the connections to PostgreSQL.
            case refresh
            /// Connections to Redis.
            case redis
        }

        package var level: Level
        package var format: Format
        /// The level of each part that has one of its own.
        package var levels: [Label: Level]

        package init(level: Level = .info, format: Format = .json, levels: [Label: Level] = [:]) {
            self.level = level
            self.format = format
            self.levels = levels
        }
    }

    /// The pages for those who watch a replica.
    package struct HTTP: Hashable, Sendable {
        /// Where they are served; nil: nowhere.
        package var listen: ListenAddress?

        package init(listen: ListenAddress? = nil) {
            self.listen = listen
        }
    }

    /// Keys that others keep, for the tools that look at the cache and clear it.
    package struct Family: Hashable, Sendable {
        package var name: String
        /// The templates of the keys; at least one. Text in braces stands for anything; `{id}` and `{phone}` are what
        /// `baton cache clear` asks for.
        package var templates: [KeyTemplate]
        /// The name of the Redis that holds the keys.
        package var redis: String
        /// Where the rows are, as SQL writes it; nil if that is not said.
        package var table: String?

        package init(name: String, templates: [KeyTemplate], redis: String = "main", table: String? = nil) {
            self.name = name
            self.templates = templates
            self.redis = redis
            self.table = table
        }
    }

    /// The version of the files' form.
    package static let version = 1

    /// The replicas of one name compete for one lease.
    package var group: String
    /// Goes before every key, Baton's own included; may be empty.
    package var keyPrefix: String
    package var postgres: Postgres
    /// The Redis servers by name; holds at least those that ``lease`` and ``datasets`` name.
    package var redis: [String: Redis]
    package var lease: Lease
    package var shutdown: Shutdown
    package var log: Log
    package var http: HTTP
    /// The file that ``datasets`` came from.
    package var datasetsPath: String
    /// The datasets in the order of the file, those that are switched off included.
    package var datasets: [Dataset]
    /// The families in the order of the file.
    package var families: [Family]
    /// The datasets' names, in the order of the file.
    package var datasetNames: [String] { datasets.map(\.name) }
    /// Every setting as it took effect and where it was said, without secrets; empty if the value was not loaded.
    package internal(set) var settings: [ConfigurationSetting] = []

    package init(
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
    package var enabledDatasets: [Dataset] { datasets.filter(\.isEnabled) }

    /// One line a setting, with its origin and without secrets: what `baton check` shows.
    package var redacted: String { settings.map(\.description).joined(separator: "\n") }
}

// Passwords stay out of logs and of what tests print.

extension Configuration.Postgres: CustomStringConvertible, CustomReflectable {
    /// The URL without its password.
    package var description: String { Redaction.postgres(url) }
    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

extension Configuration.Redis: CustomStringConvertible, CustomReflectable {
    /// The URL without its password.
    package var description: String { url.description }
    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}

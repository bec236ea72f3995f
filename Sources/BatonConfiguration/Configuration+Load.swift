internal import CacheRefresh
internal import Formatting
internal import LeaderElection
internal import RedisClient

extension Configuration {
    /// Reads the configuration file, the datasets file that it names, and the variables that override them.
    ///
    /// - Parameters:
    ///   - path: the configuration file, `baton.yaml`.
    ///   - environment: all variables of the process; those that begin with `BATON_` count.
    /// - Throws: everything that is wrong, at once.
    package static func load(
        path: String, environment: [String: String]
    ) throws(ConfigurationErrors) -> Configuration {
        let reader = ConfigurationReader(environment: environment)
        guard let root = reader.open(path, or: { reader.refuse(.unreadable(path), "", $0.problem, remedy: $0.remedy) })
        else { throw ConfigurationErrors(reader.mistakes) }
        var (configuration, block) = reader.file(root) { (Configuration($0, path: path), $0) }
        let datasetsPath = configuration.datasetsPath
        guard
            let datasets = reader.open(
                datasetsPath,
                or: { block.refuse("datasets", "\(datasetsPath.quoted) \($0.problem)", remedy: $0.remedy) })
        else { throw ConfigurationErrors(reader.mistakes) }
        (configuration.datasets, configuration.families) = reader.file(datasets, variablePath: ["datasets"]) { block in
            DatasetsReader(redis: configuration.redis).read(block)
        }
        reader.refuseUnknownVariables()
        guard reader.mistakes.isEmpty else { throw ConfigurationErrors(reader.mistakes) }
        configuration.settings = reader.settings
        return configuration
    }

    private init(_ block: ConfigurationBlock, path: String) {
        _ = block.value("version", .version, .required, "The version of the file's form.")
        let group = block.value(
            "group", .name, .text("default"), "The replicas of one name compete for one lease, in which it stands.")
        let keyPrefix = block.value(
            "keyPrefix", .keyPrefix, .text(""), "Goes before every key, Baton's own included, such as `staging:`.")
        let postgres = block.block("postgres") { Postgres($0) }
        let redis = block.blocks(
            "redis", required: true, mustBeBlocks: "Write `main: { url: \"redis://127.0.0.1:6379/0\" }`"
        ) { Redis($1, besides: path) }
        let lease = block.block("lease") { Lease($0, redis: redis.map(\.name)) }
        let shutdown = block.block("shutdown") { Shutdown($0) }
        let log = block.block("log") { Log($0) }
        let http = block.block("http") { HTTP($0) }
        let datasets = block.value(
            "datasets", .path(example: "datasets.yaml"), .text("datasets.yaml"),
            "The datasets file. In the file, paths are relative to the file's folder; in a variable, to the working directory."
        )
        self.init(
            group: group, keyPrefix: keyPrefix, postgres: postgres,
            redis: Dictionary(redis.map { ($0.name, $0.1) }) { first, _ in first }, lease: lease, shutdown: shutdown,
            log: log, http: http, datasetsPath: block.resolve(datasets, key: "datasets", besides: path))
    }
}

extension ConfigurationReader {
    /// - Parameter refuse: is told why the file can't be read at all.
    /// - Returns: nil if the file can't be read or is no YAML, which is then among the mistakes.
    fileprivate func open(_ path: String, or refuse: (SettingRefusal) -> Void) -> YAMLNode? {
        do throws(SettingRefusal) {
            let (root, mistakes) = YAMLFile.parse(try SmallFile.text(path, limit: 4 << 20), path: path)
            self.refuse(mistakes)
            return root
        } catch {
            refuse(error)
            return nil
        }
    }
}

extension ConfigurationBlock {
    /// A path that was written in the file is seen from the file's folder, one in a variable from the working
    /// directory.
    fileprivate func resolve(_ path: String, key: String, besides file: String) -> String {
        if case .variable = location(of: key) { return path }
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}

// MARK: - Blocks

extension Configuration.Postgres {
    fileprivate init(_ block: ConfigurationBlock) {
        self.init(
            url: block.value(
                "url", .postgresURL, .required, "A libpq connection string: a URI, or `host=… dbname=… user=…`."),
            password: block.optional(
                "password", .password, "Goes before one in the URL. Better in a variable or file."),
            statementTimeout: block.value(
                "statementTimeout", .duration(atLeast: .zero), .text("30s"),
                "How long the server may work on one statement; `0s`: for ever."),
            connections: block.value(
                "connections", .integer(1...100), .text("2"),
                "The most connections of a leader; a follower keeps none open."))
        urlFile = block.secretFile(of: "url")
        passwordFile = block.secretFile(of: "password")
    }
}

extension Configuration.Redis {
    fileprivate init(_ block: ConfigurationBlock, besides file: String) {
        func path(_ key: String, _ meaning: String) -> String? {
            guard let path = block.optional(key, .path(example: "certificates/\(key).pem"), meaning) else { return nil }
            let resolved = block.resolve(path, key: key, besides: file)
            do throws(SettingRefusal) {
                _ = try SmallFile.bytes(resolved, limit: 4 << 20)
            } catch {
                block.refuse(key, "\(resolved.quoted) \(error.problem)", remedy: error.remedy)
            }
            return resolved
        }
        self.init(
            url: block.value(
                "url", .redisURL, .required,
                "`redis://[user[:password]@]host[:port][/database]`, `rediss://…` for TLS, `unix:///path/to/socket[?db=0]`."
            ),
            username: block.optional("username", .text(example: "baton"), "Goes before one in the URL."),
            password: block.optional(
                "password", .password, "Goes before one in the URL. Better in a variable or file."),
            tls: RedisTLS(
                caFile: path(
                    "caFile", "The authorities that may sign the server's certificate, in PEM, not the system's."),
                certificateFile: path("certificateFile", "The certificate to show to the server, in PEM."),
                keyFile: path("keyFile", "Its key, in PEM, where it is not in `certificateFile`."),
                serverName: block.optional(
                    "serverName", .text(example: "redis.internal"),
                    "The name in the server's certificate, where it is not the host in the URL.")))
        urlFile = block.secretFile(of: "url")
        passwordFile = block.secretFile(of: "password")
        if tls.keyFile != nil, tls.certificateFile == nil {
            block.refuse("keyFile", "stands without `certificateFile`", remedy: "Give both or none")
        }
        guard !block.hasMistakes, !url.usesTLS else { return }
        for key in ["caFile", "certificateFile", "keyFile", "serverName"] where block.location(of: key) != nil {
            block.refuse(key, "has no effect without TLS", remedy: "Make the URL begin with `rediss://`, or remove it")
        }
    }
}

extension Configuration.Lease {
    fileprivate init(_ block: ConfigurationBlock, redis names: [String]) {
        let standard = ElectionTiming.standard
        func duration(_ key: String, _ standard: Duration, _ meaning: String) -> Duration {
            block.value(key, .duration(), .text(DurationText.render(standard)), meaning)
        }
        let redis = block.value("redis", .name, .text("main"), "The server that holds the lease.")
        let ttl = duration("ttl", standard.ttl, "How long the lease lasts when it is not renewed.")
        let renewEvery = duration("renewEvery", standard.renewEvery, "From one renewal to the next.")
        let renewTimeout = duration("renewTimeout", standard.renewTimeout, "How long an answer is waited for.")
        let margin = duration(
            "margin", standard.margin, "How much earlier than the lease a leader's term ends by its own clock.")
        let crashDetection: CrashDetection = block.value(
            "crashDetection", .choice, .text("connection"),
            "When a leader is succeeded: `connection`: as soon as its process is gone; `ttl`: when its lease has run out."
        )
        if !names.isEmpty, !names.contains(redis) {
            block.refuse(
                "redis", "\(redis.quoted) names no server under `redis`",
                remedy: Wording.advice(for: redis, among: names))
        }
        self.init(redis: redis, crashDetection: crashDetection)
        // Durations that were refused would contradict each other for no fault of the user's.
        guard !block.hasMistakes else { return }
        do throws(ElectionTimingError) {
            timing = try ElectionTiming(ttl: ttl, renewEvery: renewEvery, renewTimeout: renewTimeout, margin: margin)
        } catch {
            let (problem, remedy) = Self.explain(error)
            block.refuse("ttl", problem, remedy: remedy)
        }
    }

    /// What is wrong with the timing and how to mend it, in the notation of the file.
    private static func explain(_ error: ElectionTimingError) -> (problem: String, remedy: String) {
        switch error {
        case .notPositive(let setting, _):
            return ("contradicts `\(setting.rawValue)`, which is not longer than nothing", "Make it longer")
        case .fractionOfMillisecond:
            return ("is not a whole number of milliseconds", "Round it")
        case .renewedTooRarely(let renewEvery, let ttl):
            return (
                "`\(DurationText.render(ttl))` is shorter than 3 × renewEvery",
                "Raise it to at least `\(DurationText.render(renewEvery * 3))`, or lower `renewEvery`"
            )
        case .noTimeToRetry(let needed, let ttl):
            return (
                "`\(DurationText.render(ttl))` leaves no time to repeat a failed renewal",
                "Raise it to at least `\(DurationText.render(needed))` (renewEvery + 2 × renewTimeout + margin + "
                    + "\(DurationText.render(ElectionTiming.standard.retryDelay))), or lower those"
            )
        }
    }
}

extension Configuration.Shutdown {
    fileprivate init(_ block: ConfigurationBlock) {
        self.init(
            drain: block.value(
                "drain", .duration(atLeast: .zero), .text("4s"), "How long a replica may finish what is in flight."))
    }
}

extension Configuration.Log {
    fileprivate init(_ block: ConfigurationBlock) {
        self.init(
            level: block.value(
                "level", .choice, .text("info"), "The least important level: \(Wording.list(Level.self))."),
            format: block.value("format", .choice, .text("json"), "How lines look: \(Wording.list(Format.self))."),
            levels: block.block("levels") { levels in
                var known: [Label: Level] = [:]
                for label in Label.allCases {
                    let meaning = "The level for \(label.meaning) only."
                    known[label] = levels.optional(label.rawValue, .choice, meaning) as Level?
                }
                return known
            })
    }
}

extension Configuration.Log.Label {
    fileprivate var meaning: String {
        switch self {
        case .replica: "the process, its configuration and its watchdog"
        case .election: "terms, renewals and operators' requests"
        case .refresh: "passes and PostgreSQL"
        case .redis: "connections to Redis"
        }
    }
}

extension Configuration.HTTP {
    fileprivate init(_ block: ConfigurationBlock) {
        self.init(
            listen: block.value(
                "listen", .listenAddress, .text(""),
                "Where `/healthz`, `/readyz` and `/metrics` are served, as host:port; port 0 is any; `\"\"`: nowhere."))
    }
}

extension SettingFormat<Int> {
    static let version = Self(example: "\(Configuration.version)") { text throws(SettingRefusal) in
        guard text == "\(Configuration.version)" else {
            throw SettingRefusal(
                "\(text.quoted) is not supported",
                remedy: "This baton reads version \(Configuration.version); use a baton that knows the other form")
        }
        return Configuration.version
    }
}

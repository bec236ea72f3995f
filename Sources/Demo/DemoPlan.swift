public import CacheRefresh

/// The plan of the demo.
public struct DemoPlan: Sendable {
    /// The program whose `run` command is a replica.
    public var executable: String
    /// The path of a replica's configuration file.
    public var configuration: String
    /// The variables that tell a replica where PostgreSQL is.
    public var postgresVariables: [String]
    /// The variables that tell a replica where each Redis is; the demo has one for all.
    public var redisVariables: [String]
    /// More changes of a replica's environment; nil removes a variable.
    public var environment: [String: String?]
    /// All datasets of the configuration, as a replica sees it.
    public var datasets: [Dataset]
    /// The text before every key.
    public var keyPrefix: String
    /// The key that says who leads.
    public var leaseKey: String
    /// How many replicas; at least 1.
    public var replicas = 3
    public var size = SampleDatabase.Size()
    /// When it ends by itself; nil for never.
    public var duration: Duration?

    public init(
        executable: String, configuration: String, postgresVariables: [String] = ["BATON_POSTGRES_URL"],
        redisVariables: [String] = ["BATON_REDIS_MAIN_URL"], environment: [String: String?] = [:],
        datasets: [Dataset], keyPrefix: String = "", leaseKey: String = "{baton:default}:lease"
    ) {
        self.executable = executable
        self.configuration = configuration
        self.postgresVariables = postgresVariables
        self.redisVariables = redisVariables
        self.environment = environment
        self.datasets = datasets
        self.keyPrefix = keyPrefix
        self.leaseKey = leaseKey
    }

    /// The datasets that are switched on.
    var enabledDatasets: [Dataset] { datasets.filter(\.isEnabled) }
}

/// Why the demo could not go on.
public struct DemoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is, for programs.
    public enum Code: Hashable, Sendable {
        /// A server can't be started.
        case servers
        /// A replica does not do what it should.
        case replica
    }

    public let code: Code
    /// What happened and what to do about it.
    public let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

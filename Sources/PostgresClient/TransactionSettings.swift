/// What holds in every transaction of a session, whatever its role, its database, or a pooler's other clients say.
///
/// A pooler hands us anybody's session, and ours to anybody. So everything is asked for at the beginning of each
/// transaction and ends with it: nothing of others reaches us, and nothing of ours is left behind.
struct TransactionSettings {
    private let isReadOnly: Bool
    private let statementTimeout: Duration
    /// PostgreSQL 17 and later end a whole transaction after a time.
    private let hasTransactionTimeout: Bool
    /// Names and values; of two for one name the later one holds.
    var values: [(name: String, value: String)] = []

    init(_ configuration: PostgresConfiguration, serverVersion: Int) {
        isReadOnly = configuration.isReadOnly
        statementTimeout = configuration.statementTimeout
        hasTransactionTimeout = serverVersion >= 170_000
    }

    /// Run-time parameters that are set in any case, so that it does not matter what else asks for them.
    static let limits: Set<String> = ["statement_timeout", "lock_timeout", "transaction_timeout"]

    /// How a transaction begins.
    struct Opening {
        var isolation = PostgresIsolation.readCommitted
        /// Whether it may write although the configuration says that transactions don't.
        var isWriting = false
        /// How long a statement may take; nil: as the configuration says.
        var statementTimeout: Duration?
        /// How long to wait for a lock; zero for no limit of its own.
        var lockTimeout = Duration.zero
        /// Tables to lock in `ACCESS SHARE` mode, as SQL writes their names.
        var tables: [String] = []
    }

    /// The commands that begin a transaction.
    ///
    /// Tables are locked before the snapshot is taken: `SET` takes none, `SELECT` does.
    func commands(for opening: Opening) -> [Session.Command] {
        // A role's `default_transaction_deferrable` would make us wait for strangers.
        let mode = opening.isWriting ? ", READ WRITE" : isReadOnly ? ", READ ONLY" : ""
        let timeout = Self.milliseconds(opening.statementTimeout ?? statementTimeout)
        var commands: [Session.Command] = [
            .run("BEGIN ISOLATION LEVEL \(opening.isolation.rawValue)\(mode), NOT DEFERRABLE"),
            .run("SET LOCAL statement_timeout = \(timeout)"),
            .run("SET LOCAL lock_timeout = \(Self.milliseconds(opening.lockTimeout))"),
        ]
        // The role is that of the user who signed in, not one that another client has taken on.
        commands.append(.run("SET LOCAL role TO DEFAULT"))
        if hasTransactionTimeout { commands.append(.run("SET LOCAL transaction_timeout = 0")) }
        if !opening.tables.isEmpty {
            commands.append(.run("LOCK TABLE \(opening.tables.joined(separator: ", ")) IN ACCESS SHARE MODE"))
        }
        if !values.isEmpty { commands.append(Self.command(setting: values)) }
        return commands
    }

    /// `set_config` instead of `SET`: names and values are parameters, so that nothing needs quoting, and lists such as
    /// a `search_path` are read as lists.
    static func command(setting values: [(name: String, value: String)]) -> Session.Command {
        let calls = values.indices.map { "pg_catalog.set_config($\(2 * $0 + 1), $\(2 * $0 + 2), true)" }
        return .run("SELECT \(calls.joined(separator: ", "))", values.flatMap { [$0.name, $0.value] })
    }

    /// Rounded up, so that a time-out shorter than the server's unit does not become "none".
    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = max(.zero, duration).components
        let milliseconds = min(seconds, 2_147_483) * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        return min(milliseconds, Int64(Int32.max))
    }
}

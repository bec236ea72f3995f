/// Everything that Baton serves at `/metrics`. A test holds docs/operations.md against it.
extension MetricFamily {
    static let all = ofDatasets + ofElection + ofConnections + ofProcess

    /// The family of this name.
    static func named(_ name: String) -> MetricFamily? { byName[name] }

    private static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    // MARK: Datasets: counted where this replica leads

    package static let passDuration = dataset(
        "baton_pass_duration_seconds", .histogram(seconds), "How long passes took that read rows.")
    package static let tickInterval = dataset(
        "baton_tick_interval_seconds", .histogram(seconds),
        "The actual interval: how long after the one before a tick began.")
    package static let passFailures = dataset(
        "baton_pass_failures_total", .counter, "Ticks that failed, or of which Redis refused a part.")
    package static let ticksSkipped = dataset(
        "baton_ticks_skipped_total", .counter, "Ticks at which nothing was read because nothing can have changed.")
    package static let ticksBehind = dataset(
        "baton_ticks_behind_total", .counter,
        "Ticks at which nothing was read because the server lagged behind what was read before.")
    package static let lastSuccess = dataset(
        "baton_last_success_timestamp_seconds", .gauge, "When a tick last succeeded, skipped ones included, since 1970."
    )
    package static let refreshedSince = dataset(
        "baton_refreshed_since_timestamp_seconds", .gauge,
        "Since when this replica refreshes the dataset, its first pass included, since 1970.")
    package static let databaseQueries = dataset(
        "baton_database_queries_total", .counter, "Statements that were sent to PostgreSQL.")
    package static let databaseSeconds = dataset(
        "baton_database_seconds_total", .counter, "How long PostgreSQL and its rows were waited for.")
    package static let redisCommands = dataset(
        "baton_redis_commands_total", .counter, "Commands that were sent to Redis, a batch counted as one.")
    package static let redisWrites = dataset(
        "baton_redis_writes_total", .counter,
        "Operations in batches that were sent to Redis: keys written or compared, deleted and renewed.")
    package static let redisBytes = dataset(
        "baton_redis_bytes_total", .counter, "Bytes of commands that were sent to Redis.")
    package static let rowsRead = dataset("baton_rows_read_total", .counter, "Rows that were read from PostgreSQL.")
    package static let rowsChanged = dataset(
        "baton_rows_changed_total", .counter, "Rows that were new, or differed from what was remembered.")
    package static let rowsDeleted = dataset(
        "baton_rows_deleted_total", .counter, "Rows that were no longer there, and whose keys were deleted.")
    package static let rowsSetAside = dataset(
        "baton_rows_set_aside", .gauge, "Rows that the last pass could not write, and left out.")
    package static let rowsContested = dataset(
        "baton_rows_contested", .gauge, "Rows of the last pass that share a key with another one, which keeps it.")
    package static let keysWritten = dataset(
        "baton_keys_written_total", .counter, "Keys that were written; in mode existing also those that were not there."
    )
    package static let keysDeleted = dataset(
        "baton_keys_deleted_total", .counter, "Keys that were deleted, or invalidated.")
    package static let keysRenewed = dataset("baton_keys_renewed_total", .counter, "Keys whose TTL was renewed.")
    package static let keysRefused = dataset(
        "baton_keys_refused_total", .counter,
        "Operations that Redis refused or did not answer, and that are done again by a later pass.")
    package static let keysHeld = dataset("baton_keys_held", .gauge, "Deletions that the brake holds.")

    static let ofDatasets = [
        passDuration, tickInterval, passFailures, ticksSkipped, ticksBehind, lastSuccess, refreshedSince,
        databaseQueries,
        databaseSeconds,
        redisCommands, redisWrites, redisBytes, rowsRead, rowsChanged, rowsDeleted, rowsSetAside, rowsContested,
        keysWritten,
        keysDeleted, keysRenewed, keysRefused, keysHeld,
    ]

    // MARK: Election

    package static let isLeader = group(
        "baton_is_leader", .gauge, "1 while this replica leads and its term has not run out, else 0.")
    package static let epoch = group("baton_epoch", .gauge, "The epoch that this replica leads with, else 0.")
    package static let leaseRemaining = group(
        "baton_lease_remaining_seconds", .gauge, "How long this replica's term lasts unless it is renewed, else 0.")
    static let termsBegan = group(
        "baton_terms_began_total", .counter, "Terms that this replica was elected for.")
    static let termsEnded = group(
        "baton_terms_ended_total", .counter, "Terms of this replica that ended, by the reason.", labels: ["reason"])
    static let renewalDuration = group(
        "baton_lease_renewal_duration_seconds", .histogram(latencies),
        "How long renewals of the lease took that were answered, from when they were due.")
    static let renewalFailures = group(
        "baton_lease_renewal_failures_total", .counter, "Renewals of the lease that were not answered, or not usably.")
    static let staleWritesRejected = group(
        "baton_stale_writes_rejected_total", .counter,
        "Batches that Redis refused because another term holds the fence.")

    static let ofElection = [
        isLeader, epoch, leaseRemaining, termsBegan, termsEnded, renewalDuration, renewalFailures,
        staleWritesRejected,
    ]

    // MARK: Connections

    package static let redisConnected = group(
        "baton_redis_connected", .gauge,
        "1 while a connection is open: for the lease, or for cached keys, which only a leader needs.",
        labels: ["redis", "purpose"])
    static let postgresConnections = group(
        "baton_postgres_connections", .gauge,
        "Connections to PostgreSQL, which only a leader keeps; busy: those in use.",
        labels: ["state"])

    static let ofConnections = [redisConnected, postgresConnections]

    // MARK: Process

    package static let buildInfo = MetricFamily(
        "baton_build_info", .gauge, "Always 1; the labels say what runs here.", labels: ["version", "commit"])
    static let processorSeconds = MetricFamily(
        "process_cpu_seconds_total", .counter, "Processor time that the process has used, by itself and in the kernel.")
    static let residentMemory = MetricFamily(
        "process_resident_memory_bytes", .gauge, "Memory that the process occupies.")
    static let virtualMemory = MetricFamily("process_virtual_memory_bytes", .gauge, "Address space of the process.")
    static let openFiles = MetricFamily("process_open_fds", .gauge, "Open file descriptors, sockets included.")
    static let mostFiles = MetricFamily("process_max_fds", .gauge, "How many file descriptors may be open.")
    static let startTime = MetricFamily(
        "process_start_time_seconds", .gauge, "When the process began, since 1970.")

    static let ofProcess = [
        buildInfo, processorSeconds, residentMemory, virtualMemory, openFiles, mostFiles, startTime,
    ]

    // MARK: -

    /// The bounds from a tick of a small table to a first pass over a huge one.
    private static let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
    /// One exchange with Redis, up to its timeout.
    private static let latencies = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

    private static func dataset(_ name: String, _ kind: Kind, _ help: String) -> MetricFamily {
        group(name, kind, help, labels: ["dataset"])
    }

    /// Metrics of what a replica does for one group.
    private static func group(
        _ name: String, _ kind: Kind, _ help: String, labels: [String] = []
    ) -> MetricFamily {
        MetricFamily(name, kind, help, labels: ["group"] + labels)
    }
}

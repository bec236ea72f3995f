/// One query or table with the cache keys made from its rows, as the configuration describes it.
///
/// A dataset is a plain value: nothing in it was checked against a database yet.
public struct Dataset: Hashable, Sendable {
    /// Where the rows come from.
    public enum Source: Hashable, Sendable {
        /// A table or view, by its name as SQL would write it (`merchants`, `shop.merchants`, `"Odd Name"`).
        ///
        /// `where` is an SQL condition that says which rows exist for this dataset: a row that stops matching loses its
        /// keys. `filter` is an SQL condition that says which of them a pass looks at ("only rows changed in the last
        /// hour"), beside those that changed since the last one: a row that stops matching keeps its keys until their
        /// TTL.
        case table(String, where: String?, filter: String?)
        /// A `SELECT`; `identity` is then mandatory.
        case query(String)
    }

    /// How a change in PostgreSQL reaches Redis.
    ///
    /// A pass sees what the rows are, not what they were in between. A key that a row had only between two reads is
    /// known to nobody: where applications fill their cache, what they stored under such a key stays until its TTL.
    public enum WriteMode: String, CaseIterable, Sendable {
        /// The key equals the row.
        case upsert
        /// Only keys that the application loaded are rewritten; their TTL is left alone.
        case existing
        /// Keys are unlinked on change, for applications that fill their cache themselves.
        case invalidate
    }

    /// How a pass finds out what changed.
    public enum ChangeDetection: String, CaseIterable, Sendable {
        /// The gate where it is safe, then snapshot and digest. With a `filter`, rows outside it that changed are read
        /// too.
        case auto
        /// Like `auto`, but only what fits the `filter` is read, so that an index can find it: a change that does not
        /// fit when it becomes visible is lost.
        case filter
        /// Snapshot and digest at every tick, without asking the gate.
        case snapshot
    }

    /// What is stored under a key.
    public enum Value: Hashable, Sendable {
        /// The whole row: a JSON object, or a Redis hash with one field a column (see ``Dataset/format``).
        case row
        /// One column, as JSON.
        case column(String)
    }

    /// The Redis type that holds a whole row.
    public enum Format: String, CaseIterable, Sendable {
        case json
        case hash
    }

    /// One family of keys and what is stored under each.
    public struct KeyFamily: Hashable, Sendable {
        public var template: KeyTemplate
        public var value: Value

        public init(template: KeyTemplate, value: Value) {
            self.template = template
            self.value = value
        }
    }

    @Exact public var name: String
    public var isEnabled: Bool
    public var source: Source
    /// The columns that name a row. Empty: the table's primary key.
    @Exact public var identity: [String]
    /// The families of its keys; at least one.
    public var keys: [KeyFamily]
    public var format: Format
    public var mode: WriteMode
    public var changes: ChangeDetection
    /// The name of the Redis that holds the keys.
    @Exact public var redis: String
    /// The time from one tick to the next; > 0.
    public var every: Duration
    /// Time to live of a key; at least 1 s.
    public var ttl: Duration
    /// The share of `ttl` by which each row's TTL may differ, up or down: 0 ..< 0.5.
    public var ttlJitter: Double
    /// How long a pass that would delete suspiciously much is held; see ``Brake``.
    public var confirmAfter: Duration
    /// A row that makes a larger value is set aside; in bytes.
    public var maxValueBytes: Int
    /// How long after a change it is repeated, where applications fill the cache; zero: not.
    public var repeatAfter: Duration
    /// How long after a change it is repeated for the last time; zero: not.
    public var repeatLateAfter: Duration

    public init(
        name: String, isEnabled: Bool = true, source: Source, identity: [String] = [], keys: [KeyFamily],
        format: Format = .json, mode: WriteMode = .upsert, changes: ChangeDetection = .auto, redis: String = "main",
        every: Duration = .seconds(1), ttl: Duration = .seconds(24 * 3600), ttlJitter: Double = 0.05,
        confirmAfter: Duration = .seconds(600), maxValueBytes: Int = 8 << 20,
        repeatAfter: Duration = .seconds(2), repeatLateAfter: Duration = .seconds(30)
    ) {
        self.name = name
        self.isEnabled = isEnabled
        self.source = source
        self.identity = identity
        self.keys = keys
        self.format = format
        self.mode = mode
        self.changes = changes
        self.redis = redis
        self.every = every
        self.ttl = ttl
        self.ttlJitter = ttlJitter
        self.confirmAfter = confirmAfter
        self.maxValueBytes = maxValueBytes
        self.repeatAfter = repeatAfter
        self.repeatLateAfter = repeatLateAfter
    }

    /// Whether a pass looks only at some of the rows that have keys.
    public var hasFilter: Bool { if case .table(_, _, .some) = source { true } else { false } }

    /// Whether a successor needs to know how far the rows were read; see ``Mark``.
    public var keepsMark: Bool { mode == .invalidate || hasFilter }

    /// How long after a change it is repeated, in order.
    var repetitionDelays: [Duration] { [repeatAfter, repeatLateAfter].filter { $0 > .zero }.sorted() }
}

// Texts of SQL and names are compared exactly: a dataset that is spelled otherwise is another one.

extension Dataset.Source {
    public static func == (one: Self, other: Self) -> Bool {
        switch (one, other) {
        case (.table(let name, let condition, let filter), .table(let otherName, let otherCondition, let otherFilter)):
            name.isExactly(otherName) && condition.isExactly(otherCondition) && filter.isExactly(otherFilter)
        case (.query(let text), .query(let otherText)): text.isExactly(otherText)
        case (.table, .query), (.query, .table): false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .table(let name, let condition, let filter):
            [name, condition, filter].hashExactly(into: &hasher)
        case .query(let text): text.hashExactly(into: &hasher)
        }
    }
}

extension Dataset.Value {
    public static func == (one: Self, other: Self) -> Bool { one.column.isExactly(other.column) }

    public func hash(into hasher: inout Hasher) { column.hashExactly(into: &hasher) }

    /// The column's name; nil for the whole row.
    private var column: String? {
        switch self {
        case .row: nil
        case .column(let name): name
        }
    }
}

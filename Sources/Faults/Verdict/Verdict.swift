/// What a history says of the promises.
public struct Verdict: Sendable {
    /// The time between being elected and ending leadership, as far as it can be seen from outside.
    public struct Term: Hashable, Sendable {
        public var epoch: UInt64
        public var token: String
        public var holder: String
        /// When it was elected, since the beginning of the run.
        public var from: Duration
        /// When it gave the lease up, or its process ended; else when Redis last did something for it.
        public var until: Duration
        /// Why it ended, by the group's history or its own log; nil if neither says so.
        public var reason: String?
        /// Without a leader before it: since the term before it ended. Nil for the first.
        public var gap: Duration?
        public var writesAccepted = 0
        /// After its successor was elected, or it had resigned.
        public var staleWritesRefused = 0
        var hasResigned = false
    }

    /// Two replicas that believed to lead at the same time: allowed, for only one of them can write.
    public struct Overlap: Hashable, Sendable {
        public var replicas: [String]
        public var at: Duration
        public var length: Duration
    }

    public internal(set) var terms: [Term] = []
    public internal(set) var overlaps: [Overlap] = []
    public internal(set) var violations: [Violation] = []
    public internal(set) var faults = 0
    public internal(set) var writesAccepted = 0
    /// Batches of terms that were over.
    public internal(set) var staleWritesRefused = 0
    /// Batches of the leader itself that did not continue the fence, or for which Redis did not know the script.
    public internal(set) var writesOutOfTurn = 0

    /// The longest time without a leader between two terms.
    public var longestGap: Duration { terms.compactMap(\.gap).max() ?? .zero }

    public func count(_ rule: Violation.Rule) -> Int { violations.count { $0.rule == rule } }
}

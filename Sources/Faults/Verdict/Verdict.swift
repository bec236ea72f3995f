/// The verdict on a history: whether the promises held.
public struct Verdict: Sendable {
    /// The time between being elected and ending leadership, as far as it can be seen from outside.
    public struct Term: Hashable, Sendable {
        /// Its fencing token.
        public var epoch: UInt64
        /// Its random id.
        public var token: String
        /// The replica that led.
        public var holder: String
        /// When it was elected, since the beginning of the run.
        public var from: Duration
        /// When it gave the lease up, or its process ended; else when Redis last did something for it.
        public var until: Duration
        /// Why it ended, by the group's history or its own log; nil if neither says so.
        public var reason: String?
        /// How long nobody led before it: since the term before ended. Nil for the first.
        public var gap: Duration?
        /// Batches of this term.
        public var writesAccepted = 0
        /// Batches of this term after its successor was elected, or it had resigned.
        public var staleWritesRefused = 0
        var hasResigned = false
    }

    /// Two replicas that believed to lead at the same time: allowed, for only one of them can write.
    public struct Overlap: Hashable, Sendable {
        /// The two.
        public var replicas: [String]
        /// When both began to believe it, since the beginning of the run.
        public var at: Duration
        /// How long it was until one of them knew better.
        public var length: Duration
    }

    /// The terms in the order of their elections.
    public internal(set) var terms: [Term] = []
    /// The overlaps in the order in which they ended.
    public internal(set) var overlaps: [Overlap] = []
    /// The violations in the order in which they were seen; none, if all is well.
    public internal(set) var violations: [Violation] = []
    /// How many faults were begun.
    public internal(set) var faults = 0
    /// Batches that the fence let pass.
    public internal(set) var writesAccepted = 0
    /// Batches of terms that were over.
    public internal(set) var staleWritesRefused = 0
    /// Batches of the leader itself that did not continue the fence, or for which Redis did not know the script.
    public internal(set) var writesOutOfTurn = 0

    /// The longest time without a leader between two terms.
    public var longestGap: Duration { terms.compactMap(\.gap).max() ?? .zero }

    /// How often a promise was broken.
    public func count(_ rule: Violation.Rule) -> Int { violations.count { $0.rule == rule } }
}

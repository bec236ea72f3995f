/// A promise that was seen broken.
public struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// A promise that must hold in every schedule, and how it is measured.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        /// A target accepts a batch only of the term that was elected last in the history that this target has. At the
        /// Redis of the lease a term is elected when the lease is granted, at another target when its fence is raised.
        /// Data that was lost takes the elections with it.
        case noStaleWrite = "no-stale-write"
        /// Each election has a higher epoch than the one before in the same history. While the wall clocks of the
        /// servers agree and are not set, that holds across loss of data and failover too: no epoch is ever issued
        /// again, or a lower one later. And no replica begins a term whose epoch is not above all that it was told of
        /// before.
        case epochsGrow = "epochs-grow"
        /// Once faults have ended, a leader whose batches are accepted everywhere is there within a bound, and stays.
        case healthySystemElects = "healthy-system-elects"
        /// No replica leads past its deadline by its own clock: neither after an event was handled, nor, while its
        /// process runs, for longer than ``Simulation/schedulingLatency``.
        case endsAtDeadline = "ends-at-deadline"
        /// When a lease runs out or is deleted by a resignation, no replica believes to lead under it, by its own
        /// clock. The allowed clock error is what the margin covers; beyond it nothing is allowed. If the lease ends by
        /// a fault (deleted or replaced by hand, lost with its server, cut short by a wall clock that was set or by a
        /// failover after which it was not renewed), its holder can't know at once, and may believe for one TTL more,
        /// in true time.
        case leaseOutlivesBelief = "lease-outlives-belief"
        /// No replica asks for the lease while the work of an earlier term of its goes on.
        case oneWorkAtATime = "one-work-at-a-time"
    }

    public let rule: Rule
    /// The violation in a sentence.
    public let what: String
    /// The time since the beginning of the schedule, in true time.
    public let time: Duration

    public var description: String { "\(rule.rawValue): \(what), at \(time)" }
}

/// The outcome of one schedule.
public struct Outcome: Sendable {
    public let seed: UInt64
    /// The first promise that was broken; the schedule ends there.
    public let violation: Violation?
    public let tally: Tally
    /// The trace; empty unless asked for.
    public let trace: [String]
}

/// How often each thing happened: a run in which nothing happens shows nothing.
public struct Tally: Hashable, Sendable {
    public var schedules = 0
    public var elections = 0
    public var acceptedBatches = 0
    /// Batches of a term that was not the last elected.
    public var staleBatchesRefused = 0
    /// Batches out of turn.
    public var gaps = 0
    public var faults = 0
    public var failovers = 0
    /// Leaders whose lease was taken over before it ran out, because their channel had nobody who listened.
    public var silentLeadersSucceeded = 0
    public var dataLosses = 0
    /// The longest time from the end of the faults to a leader whose batches are accepted everywhere, beyond what an
    /// old lease still had.
    public var longestElection = Duration.zero

    public init() {}

    mutating func add(_ other: Tally) {
        schedules += other.schedules
        elections += other.elections
        acceptedBatches += other.acceptedBatches
        staleBatchesRefused += other.staleBatchesRefused
        gaps += other.gaps
        faults += other.faults
        failovers += other.failovers
        silentLeadersSucceeded += other.silentLeadersSucceeded
        dataLosses += other.dataLosses
        longestElection = max(longestElection, other.longestElection)
    }
}

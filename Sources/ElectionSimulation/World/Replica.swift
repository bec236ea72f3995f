import LeaderElection

/// One replica: a process that runs an elector, with the clock of its machine.
struct Replica: Sendable {
    /// What the work of a term knows: whether the term lives, by the replica's own clock.
    struct Belief: Sendable {
        let lease: Lease
        /// The deadline by the replica's clock.
        var deadline: Microseconds
        /// When the term began, or when the last renewal that succeeded was asked for: in true time, for the referee.
        var grantedAt: Microseconds
        /// When the lease ended in Redis through a fault; nil while it stands. For the referee.
        var leaseEndedAt: Microseconds?
    }

    let name: String
    let caller: Caller
    var clock: VirtualClock
    /// The elector; nil while no process runs.
    var elector: Elector<Chance>?
    /// Tells one process from the next, and from those of the other replicas.
    var incarnation = 0
    /// The number of the timer that is set; older ones are void.
    var timer = 0
    /// When the timer is due, by the elector's clock.
    var timerDue: Microseconds = 0
    /// The end of a pause, before which nothing of the process runs.
    var pausedUntil: Microseconds = 0
    /// The last time at which the process was paused or its clock jumped, by its clock: a deadline before it may be
    /// noticed late.
    var hinderedUntil: Microseconds = .min
    /// How far the elector's clock is behind the replica's; more than nothing only with ``Mutation/deadlineFromReply``.
    var heldBack: Microseconds = 0
    var belief: Belief?
    /// The terms whose work has not ended, oldest first: more than one only with ``Mutation/candidacyDuringWork``.
    var works: [Work] = []
    /// The server that the lease's connection reaches, and the one that the batches' connection reaches.
    var leaseServer = 0
    var batchServer = 0
    /// When the last request left, and when the last one comes to each server unless one overtakes another.
    var lastDeparture: Microseconds = 0
    var lastArrivals: [Microseconds] = [0, 0, 0]
    /// Requests are lost on their way to Redis, answers on their way back, until these times.
    var requestsCutUntil: Microseconds = 0
    var answersCutUntil: Microseconds = 0
    /// The highest epoch that this process was ever told of.
    var highestEpochSeen = Epoch.zero
    /// The elector has nothing more to do; the process ends with the work.
    var hasStopped = false

    /// Whether it believes to lead, by its own clock.
    func believes(at time: Microseconds) -> Bool {
        guard let belief else { return false }
        return clock.reading(at: time) < belief.deadline
    }
}

/// The refresh work of one term: a stream of batches to each target, each of which continues the one before.
struct Work: Sendable {
    /// The batches to one target.
    struct Chain: Sendable {
        enum State: Sendable {
            /// Something is in doubt: the fence has to be raised before anything else is sent.
            case broken
            /// Waits for a renewal that is sent after this, by the replica's clock.
            case confirming(since: Microseconds)
            /// The fence is being raised.
            case mending
            case open
        }

        let target: Target
        var state = State.broken
        /// Tells one period of being open from the next.
        var number = 0
        var lastSent: Int64 = 0
        var inFlight = 0
        /// When a batch was last acknowledged, in true time.
        var acknowledgedAt: Microseconds = .min
    }

    let serial: Int
    let lease: Lease
    var home = Chain(target: .home)
    var other = Chain(target: .other)
    /// The term is over; the work comes to its end.
    var isEnding = false

    subscript(target: Target) -> Chain {
        get {
            switch target {
            case .home: home
            case .other: other
            }
        }
        set {
            switch target {
            case .home: home = newValue
            case .other: other = newValue
            }
        }
    }
}

/// A Redis that holds cached keys.
enum Target: Sendable, CaseIterable {
    /// The one that holds the lease.
    case home
    case other
}

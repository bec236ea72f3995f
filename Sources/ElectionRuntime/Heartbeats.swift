/// The heartbeats of the watched loops: which of them still answer. Pure: whoever holds it passes the time in, and asks
/// those that are due.
struct Heartbeats: Sendable {
    /// The knowledge about one loop.
    private struct Pulse {
        let name: String
        var answeredAt: ContinuousClock.Instant
        /// When the question was asked that is still unanswered. Only one is at a time: a loop that hangs gathers no
        /// others.
        var askedAt: ContinuousClock.Instant?
        var isKnownToHang = false
    }

    /// A change in a loop.
    enum Change: Hashable, Sendable {
        case hangs(String)
        case answersAgain(String, after: Duration)
    }

    /// How long an answer is waited for before a loop counts as hanging.
    let patience: Duration
    private var pulses: [Pulse]

    /// - Parameter names: the names of the loops, each of which counts as heard at this instant.
    init(of names: [String], patience: Duration, at now: ContinuousClock.Instant) {
        self.patience = patience
        pulses = names.map { Pulse(name: $0, answeredAt: now) }
    }

    /// - Returns: the loops to ask now, by their position, and those that hang since the last call.
    mutating func tick(at now: ContinuousClock.Instant) -> (ask: [Int], changes: [Change]) {
        var ask: [Int] = []
        var changes: [Change] = []
        for index in pulses.indices {
            guard let askedAt = pulses[index].askedAt else {
                pulses[index].askedAt = now
                ask.append(index)
                continue
            }
            if askedAt.duration(to: now) > patience, !pulses[index].isKnownToHang {
                pulses[index].isKnownToHang = true
                changes.append(.hangs(pulses[index].name))
            }
        }
        return (ask, changes)
    }

    /// - Returns: what that changed, if anything.
    mutating func answered(_ index: Int, at now: ContinuousClock.Instant) -> Change? {
        defer {
            pulses[index].answeredAt = now
            pulses[index].askedAt = nil
            pulses[index].isKnownToHang = false
        }
        guard pulses[index].isKnownToHang else { return nil }
        return .answersAgain(pulses[index].name, after: pulses[index].answeredAt.duration(to: now))
    }

    /// How long ago each loop answered last.
    func ages(at now: ContinuousClock.Instant) -> [(name: String, age: Duration)] {
        pulses.map { ($0.name, $0.answeredAt.duration(to: now)) }
    }

    /// The loops that were asked and have not answered in time. Counted from the question: a process that was frozen as
    /// a whole asked nobody, and finds nobody hanging when it goes on.
    func hanging(at now: ContinuousClock.Instant) -> [String] {
        pulses.filter { $0.askedAt.map { $0.duration(to: now) > patience } ?? false }.map(\.name)
    }
}

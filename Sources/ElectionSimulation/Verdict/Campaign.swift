/// Many schedules, one seed each, on several cores.
public struct Campaign: Sendable {
    /// The result of a campaign.
    public struct Result: Sendable {
        public var tally = Tally()
        /// The outcome of the lowest seed that was played and broke a promise.
        public var first: Outcome?
        /// How many schedules broke a promise that was not looked for.
        public var others = 0
    }

    public let seeds: Range<UInt64>
    public let mutation: Mutation?
    /// Whether to stop soon after the first violation.
    public let stopsAtViolation: Bool
    /// The only rule whose violations count; nil: all rules.
    public let rule: Violation.Rule?

    public init(
        seeds: Range<UInt64>, mutation: Mutation? = nil, stopsAtViolation: Bool = true, rule: Violation.Rule? = nil
    ) {
        self.seeds = seeds
        self.mutation = mutation
        self.stopsAtViolation = stopsAtViolation
        self.rule = rule
    }

    /// How many seeds are played between two reports.
    private static let portion: UInt64 = 100

    /// Plays all schedules. Gives way to other tasks after each.
    ///
    /// - Parameters:
    ///   - workers: how many are played at once.
    ///   - progress: told now and then what came of all so far.
    public func run(workers: Int = 2, progress: @Sendable (Result) -> Void = { _ in }) async -> Result {
        await withTaskGroup(of: Result.self) { group in
            var result = Result()
            var next = seeds.lowerBound
            for _ in 0..<workers { add(&next, to: &group) }
            while let part = await group.next() {
                result.add(part)
                progress(result)
                if result.first == nil || !stopsAtViolation { add(&next, to: &group) }
            }
            return result
        }
    }

    private func add(_ next: inout UInt64, to group: inout TaskGroup<Result>) {
        guard next < seeds.upperBound, !Task.isCancelled else { return }
        let portion = next..<min(next + Campaign.portion, seeds.upperBound)
        next = portion.upperBound
        group.addTask {
            var result = Result()
            for seed in portion {
                var simulation = Simulation(seed: seed, mutation: mutation)
                result.add(simulation.run(), lookingFor: rule)
                if result.first != nil, stopsAtViolation { break }
                await Task.yield()
            }
            return result
        }
    }
}

extension Campaign.Result {
    fileprivate mutating func add(_ outcome: Outcome, lookingFor rule: Violation.Rule?) {
        tally.add(outcome.tally)
        guard let violation = outcome.violation else { return }
        if rule == nil || rule == violation.rule { note(outcome) } else { others += 1 }
    }

    fileprivate mutating func add(_ other: Campaign.Result) {
        tally.add(other.tally)
        others += other.others
        if let outcome = other.first { note(outcome) }
    }

    private mutating func note(_ outcome: Outcome) {
        if outcome.seed < first?.seed ?? .max { first = outcome }
    }
}

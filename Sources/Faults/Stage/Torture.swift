internal import Formatting

/// Random faults, one after the other, decided by a seed; when each of them bites depends on the machine.
public struct Torture: Sendable {
    /// Decides which faults come, on whom, and for how long.
    public var seed: UInt64
    /// How long faults go on.
    public var length: Duration
    /// The cluster; whether Redis keeps its data is left to the seed.
    public var options: Cluster.Options

    /// The same values make the same faults.
    public init(seed: UInt64, length: Duration, options: Cluster.Options) {
        self.seed = seed
        self.length = length
        self.options = options
    }

    /// Plays it, and lets the group come to rest at the end.
    ///
    /// - Parameter progress: is told a line after every fault.
    /// - Throws: ``FaultError`` if there was no leader, or nothing new in the cache, for too long after a fault.
    public func run(_ progress: @Sendable (String) -> Void = { _ in }) async throws -> Verdict {
        var dice = Dice(seed: seed)
        var options = options
        options.keepsData = Bool.random(using: &dice)
        return try await Cluster.with(options) { cluster in
            while cluster.recorder.elapsed < length {
                let fault = Fault.allCases.randomElement(using: &dice) ?? .killed
                let hitsLeader = Int.random(in: 0..<4, using: &dice) > 0
                let any = cluster.replicas.randomElement(using: &dice)
                let milliseconds = Int.random(in: 100...5000, using: &dice)
                let rests = Bool.random(using: &dice)
                let leader = try await cluster.anyLeader(within: .seconds(30))
                let victim = hitsLeader ? leader : any ?? leader
                try await cluster.suffer(fault, on: victim, for: .milliseconds(milliseconds))
                if rests { try await cluster.settle(within: .seconds(30)) }
                let verdict = Checker.check(cluster.recorder.history)
                progress(
                    line(cluster.recorder.elapsed, fault, victim, milliseconds, verdict))
                if !verdict.violations.isEmpty { break }
            }
            try await cluster.settle(within: .seconds(30))
            return try await cluster.verdict()
        }
    }

    private func line(
        _ at: Duration, _ fault: Fault, _ victim: Replica, _ milliseconds: Int, _ verdict: Verdict
    ) -> String {
        Columns.pad(at.inSeconds, to: 11) + Columns.pad(fault.rawValue, to: 21)
            + Columns.pad("\(victim.name) \(milliseconds) ms", to: 11)
            + Columns.pad("terms \(verdict.terms.count)", to: 12)
            + "stale writes accepted \(verdict.count(.staleWrite)), refused \(verdict.staleWritesRefused)"
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
private struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

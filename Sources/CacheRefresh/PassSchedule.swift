/// When a dataset's next tick is due: every so often from tick to tick, later and later while passes fail.
public struct PassSchedule: Hashable, Sendable {
    /// The longest time until the next try, however many have failed.
    public static let longestBackoff = Duration.seconds(30)

    private let every: Duration
    private var failures = 0
    private var lastTick: Duration?

    /// - Parameter every: the time from one tick to the next; > 0.
    public init(every: Duration) {
        self.every = every
    }

    /// How many passes have failed one after another.
    public var consecutiveFailures: Int { failures }

    /// A tick begins.
    ///
    /// - Returns: the time since the tick before it began; nil for the first.
    public mutating func began(at now: Duration) -> Duration? {
        defer { lastTick = now }
        return lastTick.map { now - $0 }
    }

    /// The pass succeeded, or none was needed.
    ///
    /// - Returns: how long to wait for the next tick. A pass that took longer than the interval is followed at once:
    ///   ticks are never made up for, and passes never overlap.
    public mutating func succeeded(at now: Duration) -> Duration {
        failures = 0
        return max(.zero, (lastTick ?? now) + every - now)
    }

    /// The pass failed.
    ///
    /// - Returns: how long to wait for the next try: twice as long after each failure, half of it left to chance.
    public mutating func failed(using random: inout some RandomNumberGenerator) -> Duration {
        failures += 1
        let doubled = max(every, .milliseconds(500)) * (1 << min(failures - 1, 8))
        let longest = min(doubled, max(every, Self.longestBackoff))
        return longest * Double.random(in: 0.5...1, using: &random)
    }
}

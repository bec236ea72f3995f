internal import CacheRefresh
internal import Formatting
internal import GroupState

/// The statistics of one dataset within the last minute, second by second. Pure: the time is passed in.
struct RecentStatistics: Sendable {
    /// Several durations.
    struct Spans: Sendable {
        var count = 0
        var sum = Duration.zero
        var longest = Duration.zero

        init() {}

        init(_ one: Duration) { (count, sum, longest) = (1, one, one) }

        static func += (left: inout Spans, right: Spans) {
            left.count += right.count
            left.sum += right.sum
            left.longest = max(left.longest, right.longest)
        }

        var mean: Duration? { count == 0 ? nil : sum / count }
    }

    /// The amounts that are added up.
    struct Amounts: Sendable {
        /// The passes that read rows.
        var passes = Spans()
        /// The times from tick to tick.
        var intervals = Spans()
        var failures = 0
        var queries = 0
        var writes = 0

        static func += (left: inout Amounts, right: Amounts) {
            left.passes += right.passes
            left.intervals += right.intervals
            left.failures += right.failures
            left.queries += right.queries
            left.writes += right.writes
        }
    }

    static let span = Duration.seconds(60)

    /// Why the last tick failed; nil if it did not.
    var problem: String?
    /// The reason why the gate stays open for long; nil if it does not.
    var gate: String?
    /// When the tick that goes on began; nil between ticks.
    var runningSince: Duration?
    /// When a tick last succeeded; nil if none has yet.
    var succeededAt: Duration?
    /// The deletions that the brake held after the last tick that succeeded.
    var held: (keys: Int, hold: Brake.Hold)?

    private var seconds: [(second: Int64, amounts: Amounts)] = Array(
        repeating: (-1, Amounts()), count: Int(span.components.seconds))
    private var begin: Duration?

    mutating func add(_ amounts: Amounts, at now: Duration) {
        begin = begin ?? now
        let second = now.components.seconds
        let place = Int(second) % seconds.count
        if seconds[place].second != second { seconds[place] = (second, Amounts()) }
        seconds[place].amounts += amounts
    }

    func statistics(at now: Duration) -> DatasetStatistics {
        var all = Amounts()
        let first = now.components.seconds - Int64(seconds.count)
        for entry in seconds where entry.second > first { all += entry.amounts }
        // Right after the begin, a rate over the moments until now would be any number.
        let covered = max(.seconds(1), min(now - (begin ?? now), Self.span))
        return DatasetStatistics(
            passes: all.passes.count, passMilliseconds: all.passes.mean?.inMilliseconds,
            longestPassMilliseconds: all.passes.count == 0 ? nil : all.passes.longest.inMilliseconds,
            intervalMilliseconds: all.intervals.mean?.inMilliseconds,
            longestIntervalMilliseconds: all.intervals.count == 0 ? nil : all.intervals.longest.inMilliseconds,
            queriesPerSecond: Double(all.queries) / (covered / .seconds(1)),
            writesPerSecond: Double(all.writes) / (covered / .seconds(1)), failures: all.failures,
            problem: problem.map { TextLayout.shortened($0, DatasetStatistics.problemLimit) },
            gate: gate.map { TextLayout.shortened($0, DatasetStatistics.problemLimit) },
            runningMilliseconds: runningSince.map { (now - $0).inMilliseconds },
            sinceSuccessMilliseconds: succeededAt.map { (now - $0).inMilliseconds },
            held: held.map { held in
                DatasetStatistics.Held(
                    keys: held.keys, forMilliseconds: max(.zero, now - held.hold.since).inMilliseconds,
                    leftMilliseconds: max(.zero, held.hold.until - now).inMilliseconds)
            })
    }
}

extension Duration {
    fileprivate var inMilliseconds: Double { self / .milliseconds(1) }
}

internal import CacheRefresh
internal import CoreMetrics
internal import Formatting
internal import GroupState
internal import Metrics
internal import PostgresClient
internal import Synchronization
internal import Telemetry

/// The meter of one dataset in one term: it adds what passes cost and did to what the process has counted, and keeps it
/// for the last minute.
package final class DatasetMeter: Sendable {
    let name: String
    private let clock: @Sendable () -> Duration
    private let recent = Mutex(RecentStatistics())
    /// What is true only while the dataset is refreshed here, each by its family, as soon as it is known; nil once that
    /// has ended.
    private let gauges = Mutex<[String: Meter]?>([:])
    private let makeGauge: @Sendable (MetricFamily) -> Meter

    private let duration: Metrics.Timer
    private let interval: Metrics.Timer
    private let failures: Counter
    private let skipped: Counter
    private let behind: Counter
    private let queries: Counter
    private let querySeconds: FloatingPointCounter
    private let commands: Counter
    private let writes: Counter
    private let bytes: Counter
    private let rowsRead: Counter
    private let rowsChanged: Counter
    private let rowsDeleted: Counter
    private let keysWritten: Counter
    private let keysDeleted: Counter
    private let keysRenewed: Counter
    private let keysRefused: Counter

    /// - Parameters:
    ///   - name: the dataset's name.
    ///   - clock: one that only goes forward.
    init(_ name: String, _ instruments: Instruments, clock: @escaping @Sendable () -> Duration = { Uptime.now }) {
        self.name = name
        self.clock = clock
        let factory = instruments.factory
        let labels = [("dataset", name)]
        func counter(_ family: MetricFamily) -> Counter {
            Counter(label: family.name, dimensions: labels, factory: factory)
        }
        makeGauge = { Meter(label: $0.name, dimensions: [("dataset", name)], factory: factory) }
        func timer(_ family: MetricFamily) -> Metrics.Timer {
            Metrics.Timer(label: family.name, dimensions: labels, preferredDisplayUnit: .seconds, factory: factory)
        }
        duration = timer(.passDuration)
        interval = timer(.tickInterval)
        failures = counter(.passFailures)
        skipped = counter(.ticksSkipped)
        behind = counter(.ticksBehind)
        queries = counter(.databaseQueries)
        querySeconds = FloatingPointCounter(
            label: MetricFamily.databaseSeconds.name, dimensions: labels, factory: factory)
        commands = counter(.redisCommands)
        writes = counter(.redisWrites)
        bytes = counter(.redisBytes)
        rowsRead = counter(.rowsRead)
        rowsChanged = counter(.rowsChanged)
        rowsDeleted = counter(.rowsDeleted)
        keysWritten = counter(.keysWritten)
        keysDeleted = counter(.keysDeleted)
        keysRenewed = counter(.keysRenewed)
        keysRefused = counter(.keysRefused)
        // It is set from the start: a first pass that never ends has to be seen as well.
        set(.refreshedSince, Self.now)
    }

    /// The statistics of the last minute, as far as the term is that old.
    var lastMinute: DatasetStatistics { recent.withLock { $0.statistics(at: clock()) } }

    // MARK: What a tick does

    /// A tick begins; it ends with ``succeeded(_:_:)`` or ``failed(_:)``.
    func began() { recent.withLock { $0.runningSince = clock() } }

    func ticked(after interval: Duration) {
        self.interval.recordDuration(interval)
        recent.withLock { $0.add(.init(intervals: .init(interval)), at: clock()) }
    }

    func queried(_ usage: PostgresUsage) {
        queries.increment(by: usage.queries)
        querySeconds.increment(by: usage.time / .seconds(1))
        recent.withLock { $0.add(.init(queries: usage.queries), at: clock()) }
    }

    /// - Parameters:
    ///   - writes: how many operations the command carries.
    ///   - bytes: the size of the command.
    func sent(writes: Int = 0, bytes: Int) {
        commands.increment()
        self.writes.increment(by: writes)
        self.bytes.increment(by: bytes)
        recent.withLock { $0.add(.init(writes: writes), at: clock()) }
    }

    func succeeded(_ outcome: DatasetPass.Outcome, _ duration: Duration) {
        let summary: PassSummary
        let refusal: String?
        switch outcome {
        case .skipped:
            skipped.increment()
            ended(.success)
            return
        case .settled(let settled, let refused):
            (summary, refusal) = (settled, refused)
        case .passed(let passed, let refused):
            (summary, refusal) = (passed, refused)
            self.duration.recordDuration(duration)
            recent.withLock { $0.add(.init(passes: .init(duration)), at: clock()) }
            set(.rowsSetAside, Double(summary.rowsSetAside))
            set(.rowsContested, Double(summary.rowsContested))
        }
        worked(summary)
        set(.keysHeld, Double(summary.keysHeld))
        recent.withLock { $0.held = summary.hold.map { (summary.keysHeld, $0) } }
        // What Redis refused is not in the cache: whoever looks has to see that.
        if let refusal { ended(.failure("Redis refused keys: \(refusal)")) } else { ended(.success) }
    }

    /// Counts what a pass did, also one that is given up; ``failed()`` counts its tick.
    func worked(_ summary: PassSummary) {
        rowsRead.increment(by: summary.rowsRead)
        rowsChanged.increment(by: summary.rowsChanged)
        rowsDeleted.increment(by: summary.rowsDeleted)
        keysWritten.increment(by: summary.keysWritten)
        keysDeleted.increment(by: summary.keysDeleted)
        keysRenewed.increment(by: summary.keysRenewed)
        keysRefused.increment(by: summary.keysFailed)
    }

    /// What kept all datasets from being read is over.
    func recovered() { recent.withLock { $0.problem = nil } }

    func failed(_ problem: Problem) { ended(.failure(problem.text)) }

    private enum TickEnd {
        case success
        case failure(String)
    }

    private func ended(_ end: TickEnd) {
        let now = clock()
        switch end {
        case .success:
            set(.lastSuccess, Self.now)
            recent.withLock { recent in
                (recent.problem, recent.runningSince, recent.succeededAt) = (nil, nil, now)
            }
        case .failure(let problem):
            failures.increment()
            recent.withLock { recent in
                recent.add(.init(failures: 1), at: now)
                (recent.problem, recent.runningSince) = (problem, nil)
            }
        }
    }

    /// The server lagged behind what was read before, so that nothing was read.
    func waited(_ problem: Problem) {
        behind.increment()
        recent.withLock { ($0.problem, $0.runningSince) = (problem.text, nil) }
    }

    /// - Parameter reason: what keeps the gate open for long; nil if nothing does.
    func gateOpen(because reason: String?) { recent.withLock { $0.gate = reason } }

    // MARK: Gauges

    private static var now: Double { Double(WallClock.now.millisecondsSince1970) / 1000 }

    private func set(_ family: MetricFamily, _ value: Double) {
        gauges.withLock { gauges in
            guard let gauge = gauges.map({ $0[family.name] ?? makeGauge(family) }) else { return }
            gauge.set(value)
            gauges?[family.name] = gauge
        }
    }

    /// The dataset is not refreshed here any more: what is true only while it is must not stay.
    func ended() {
        gauges.withLock { gauges in
            for gauge in (gauges ?? [:]).values { gauge.destroy() }
            gauges = nil
        }
    }

    var hasEnded: Bool { gauges.withLock { $0 == nil } }
}

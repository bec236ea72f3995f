internal import CacheRefresh
internal import CoreMetrics
internal import Metrics
internal import PostgresClient
internal import Synchronization

/// What the passes of one dataset cost and did in one term: added to what the process has counted, and for the last
/// minute.
final class DatasetMeter: Sendable {
    let name: String
    private let clock: @Sendable () -> Duration
    private let recent = Mutex(RecentFigures())
    private let gauges = Mutex(Gauges.none)
    private let makeGauges: @Sendable () -> Gauges

    private let duration: Metrics.Timer
    private let interval: Metrics.Timer
    private let failures: Counter
    private let skipped: Counter
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

    /// What is true only while the dataset is refreshed here, and known only after the first success.
    private enum Gauges {
        case none
        case shown(lastSuccess: Meter, rowsSetAside: Meter, rowsContested: Meter, keysHeld: Meter)
        case ended
    }

    /// - Parameters:
    ///   - name: of the dataset.
    ///   - clock: one that only goes forward.
    init(_ name: String, _ instruments: Instruments, clock: @escaping @Sendable () -> Duration = { Uptime.now }) {
        self.name = name
        self.clock = clock
        let factory = instruments.factory
        let labels = [("dataset", name)]
        func counter(_ family: MetricFamily) -> Counter {
            Counter(label: family.name, dimensions: labels, factory: factory)
        }
        @Sendable func gauge(_ family: MetricFamily) -> Meter {
            Meter(label: family.name, dimensions: [("dataset", name)], factory: factory)
        }
        makeGauges = {
            .shown(
                lastSuccess: gauge(.lastSuccess), rowsSetAside: gauge(.rowsSetAside),
                rowsContested: gauge(.rowsContested), keysHeld: gauge(.keysHeld))
        }
        func timer(_ family: MetricFamily) -> Metrics.Timer {
            Metrics.Timer(label: family.name, dimensions: labels, preferredDisplayUnit: .seconds, factory: factory)
        }
        duration = timer(.passDuration)
        interval = timer(.tickInterval)
        failures = counter(.passFailures)
        skipped = counter(.ticksSkipped)
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
    }

    /// Of the last minute, as far as the term is that old.
    var lastMinute: DatasetFigures { recent.withLock { $0.figures(at: clock()) } }

    // MARK: What a tick does

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
    ///   - bytes: of the command.
    func sent(writes: Int = 0, bytes: Int) {
        commands.increment()
        self.writes.increment(by: writes)
        self.bytes.increment(by: bytes)
        recent.withLock { $0.add(.init(writes: writes), at: clock()) }
    }

    func succeeded(_ outcome: DatasetPass.Outcome, _ duration: Duration) {
        show(outcome)
        recovered()
        let summary: PassSummary
        switch outcome {
        case .skipped:
            skipped.increment()
            return
        case .settled(let settled, _):
            summary = settled
        case .passed(let passed, _):
            summary = passed
            self.duration.recordDuration(duration)
            recent.withLock { $0.add(.init(passes: .init(duration)), at: clock()) }
        }
        worked(summary)
    }

    /// What a pass did, also one that is given up; ``failed()`` counts its tick.
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

    func failed(_ problem: Problem) {
        failures.increment()
        let now = clock()
        recent.withLock { recent in
            recent.add(.init(failures: 1), at: now)
            recent.problem = problem.text
        }
    }

    private func show(_ outcome: DatasetPass.Outcome) {
        gauges.withLock { gauges in
            if case .none = gauges { gauges = makeGauges() }
            guard case .shown(let lastSuccess, let rowsSetAside, let rowsContested, let keysHeld) = gauges else {
                return
            }
            lastSuccess.set(Double(WallClock.now.millisecondsSince1970) / 1000)
            switch outcome {
            case .skipped: break
            case .settled(let summary, _): keysHeld.set(summary.keysHeld)
            case .passed(let summary, _):
                keysHeld.set(summary.keysHeld)
                rowsSetAside.set(summary.rowsSetAside)
                rowsContested.set(summary.rowsContested)
            }
        }
    }

    /// The dataset is not refreshed here any more: what is true only while it is must not stay.
    func ended() {
        gauges.withLock { gauges in
            if case .shown(let lastSuccess, let rowsSetAside, let rowsContested, let keysHeld) = gauges {
                for gauge in [lastSuccess, rowsSetAside, rowsContested, keysHeld] { gauge.destroy() }
            }
            gauges = .ended
        }
    }

    var hasEnded: Bool { gauges.withLock { if case .ended = $0 { true } else { false } } }
}

internal import CacheRefresh
internal import CoreMetrics
internal import Metrics

/// The figures that users ask for, by the conventions of Prometheus: base units, `_total` for counters.
enum Instruments {
    /// Batches that Redis refused because another term holds the fence.
    static let staleWritesRejected = Counter(label: "baton_stale_writes_rejected_total")

    /// Renewals of the lease that were not answered, or not usably.
    static let renewalFailures = Counter(label: "baton_lease_renewal_failures_total")

    /// What is counted of one dataset.
    struct Dataset {
        let interval: Metrics.Timer
        let failures: Counter
        private let duration: Metrics.Timer
        private let skipped: Counter
        private let rowsRead: Counter
        private let rowsChanged: Counter
        private let keysWritten: Counter
        private let keysDeleted: Counter
        private let keysRenewed: Counter
        private let rowsSetAside: Gauge
        private let keysHeld: Gauge

        init(_ name: String) {
            let dimensions = [("dataset", name)]
            interval = Metrics.Timer(label: "baton_tick_interval_seconds", dimensions: dimensions)
            duration = Metrics.Timer(label: "baton_pass_duration_seconds", dimensions: dimensions)
            failures = Counter(label: "baton_pass_failures_total", dimensions: dimensions)
            skipped = Counter(label: "baton_ticks_skipped_total", dimensions: dimensions)
            rowsRead = Counter(label: "baton_rows_read_total", dimensions: dimensions)
            rowsChanged = Counter(label: "baton_rows_changed_total", dimensions: dimensions)
            keysWritten = Counter(label: "baton_keys_written_total", dimensions: dimensions)
            keysDeleted = Counter(label: "baton_keys_deleted_total", dimensions: dimensions)
            keysRenewed = Counter(label: "baton_keys_renewed_total", dimensions: dimensions)
            rowsSetAside = Gauge(label: "baton_rows_set_aside", dimensions: dimensions)
            keysHeld = Gauge(label: "baton_keys_held", dimensions: dimensions)
        }

        func record(_ outcome: DatasetPass.Outcome, _ duration: Duration) {
            let summary: PassSummary
            switch outcome {
            case .skipped:
                skipped.increment()
                return
            case .settled(let settled):
                summary = settled
            case .passed(let passed, _):
                summary = passed
                self.duration.recordDuration(duration)
                rowsSetAside.record(passed.rowsSetAside)
            }
            rowsRead.increment(by: summary.rowsRead)
            rowsChanged.increment(by: summary.rowsChanged)
            keysWritten.increment(by: summary.keysWritten)
            keysDeleted.increment(by: summary.keysDeleted)
            keysRenewed.increment(by: summary.keysRenewed)
            keysHeld.record(summary.keysHeld)
        }
    }
}

extension Metrics.Timer {
    func recordDuration(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

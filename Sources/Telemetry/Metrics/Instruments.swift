package import CoreMetrics
package import LeaderElection
package import Metrics

/// The counters of a replica, through swift-metrics; ``MetricFamily`` says what each is.
///
/// The instruments that differ by dataset are in a ``DatasetMeter``.
package struct Instruments: Sendable {
    /// The instruments that count for nobody.
    package static let discarded = Instruments(NOOPMetricsHandler.instance)

    package let factory: any MetricsFactory
    package let staleWritesRejected: Counter
    package let renewalFailures: Counter
    package let renewalDuration: Metrics.Timer
    package let termsBegan: Counter
    private let termsEnded: [String: Counter]
    private let idleConnections: Meter
    private let busyConnections: Meter

    package init(_ factory: any MetricsFactory) {
        self.factory = factory
        func counter(_ family: MetricFamily, _ labels: [(String, String)] = []) -> Counter {
            Counter(label: family.name, dimensions: labels, factory: factory)
        }
        staleWritesRejected = counter(.staleWritesRejected)
        renewalFailures = counter(.renewalFailures)
        renewalDuration = Metrics.Timer(
            label: MetricFamily.renewalDuration.name, dimensions: [], preferredDisplayUnit: .seconds, factory: factory)
        termsBegan = counter(.termsBegan)
        // They are there from the start: what appears with the value 1 has not grown, to Prometheus.
        termsEnded = Dictionary(
            EndReason.words.map { ($0, counter(.termsEnded, [("reason", $0)])) }, uniquingKeysWith: { $1 })
        func connections(_ state: String) -> Meter {
            Meter(label: MetricFamily.postgresConnections.name, dimensions: [("state", state)], factory: factory)
        }
        idleConnections = connections("idle")
        busyConnections = connections("busy")
    }

    package func termEnded(_ reason: EndReason) { termsEnded[reason.description]?.increment() }

    package func postgresConnections(idle: Int, busy: Int) {
        idleConnections.set(idle)
        busyConnections.set(busy)
    }
}

extension EndReason {
    /// The reasons for which a term ends that had begun. A lease that is given back unused had none.
    static let words = ["deadline", "lease-gone", "taken-over", "work-ended", "step-down", "cannot-work", "shutdown"]
}

extension Metrics.Timer {
    package func recordDuration(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

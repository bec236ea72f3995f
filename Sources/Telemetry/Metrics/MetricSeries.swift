internal import CoreMetrics
internal import Synchronization

/// One metric of a family: a value that code changes and `/metrics` shows.
protocol MetricSeries: AnyObject, Sendable {
    func append(to text: inout String)
}

/// A counter: it only grows, by whole or by fractional amounts.
final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
    private let prefix: String
    private let value = Mutex(0.0)

    init(_ family: MetricFamily, labels: String) {
        prefix = PrometheusText.prefix(family.name, labels: labels)
    }

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    func increment(by amount: Double) {
        // A counter that shrinks looks like a restart to Prometheus.
        guard amount > 0 else { return }
        value.withLock { $0 += amount }
    }

    func reset() { value.withLock { $0 = 0 } }

    func append(to text: inout String) {
        text += prefix
        text += PrometheusText.number(value.withLock { $0 })
        text += "\n"
    }
}

/// Goes up and down.
final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
    private let prefix: String
    private let value = Mutex(0.0)

    init(_ family: MetricFamily, labels: String) {
        prefix = PrometheusText.prefix(family.name, labels: labels)
    }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func append(to text: inout String) {
        text += prefix
        text += PrometheusText.number(value.withLock { $0 })
        text += "\n"
    }
}

/// How often values were at most as large as each bound. A timer's are in seconds.
final class HistogramSeries: MetricSeries, TimerHandler, RecorderHandler {
    private struct State {
        /// How many fell between a bound and the one before; the last one: above all bounds.
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let bucketPrefixes: [String]
    private let sumPrefix: String
    private let countPrefix: String
    private let state: Mutex<State>

    init(_ family: MetricFamily, bounds: [Double], labels: String) {
        self.bounds = bounds
        bucketPrefixes = (bounds.map(PrometheusText.number) + ["+Inf"]).map {
            PrometheusText.prefix(family.name, suffix: "_bucket", labels: labels, bound: $0)
        }
        sumPrefix = PrometheusText.prefix(family.name, suffix: "_sum", labels: labels)
        countPrefix = PrometheusText.prefix(family.name, suffix: "_count", labels: labels)
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func append(to text: inout String) {
        let state = state.withLock { $0 }
        var total = 0
        for (prefix, count) in zip(bucketPrefixes, state.counts) {
            total += count
            text += prefix
            text += String(total)
            text += "\n"
        }
        text += sumPrefix
        text += PrometheusText.number(state.sum)
        text += "\n"
        text += countPrefix
        text += String(total)
        text += "\n"
    }
}

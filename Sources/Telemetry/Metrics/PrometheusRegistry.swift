internal import CoreMetrics
internal import Synchronization

/// Keeps what code counts through swift-metrics, and writes it as Prometheus reads it.
///
/// A metric that is asked for twice is one. A name that was used for another kind, or a label set beyond the limit, is
/// counted where nobody sees it: statistics must never end a replica, nor fill its memory.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    /// A value that is found out when somebody asks.
    package struct Sample: Sendable {
        let family: MetricFamily
        var labels: [(String, String)] = []
        let value: Double

        package init(family: MetricFamily, labels: [(String, String)] = [], value: Double) {
            self.family = family
            self.labels = labels
            self.value = value
        }
    }

    private struct Family {
        let description: MetricFamily
        let head: String
        /// The series in the order of their labels.
        var series: [(labels: String, series: any MetricSeries)] = []
    }

    private struct State {
        /// The families in the order of their names.
        var families: [Family] = []
        var sources: [@Sendable () -> [Sample]] = []
    }

    /// How many label sets a family may have.
    static let seriesLimit = 2000
    /// The bounds of histograms that are not among ``MetricFamily/all``.
    static let standardBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private let state = Mutex(State())

    package init() {}

    /// Asks for these values at each scrape from now on, on the thread that serves it; the source must not block.
    package func collect(from source: @escaping @Sendable () -> [Sample]) {
        state.withLock { $0.sources.append(source) }
    }

    // MARK: Writing

    /// Everything, in the text format of Prometheus: families by name, metrics by labels.
    package var text: String {
        let (families, sources) = state.withLock { ($0.families, $0.sources) }
        var sections: [String: String] = [:]
        for sample in sources.flatMap({ $0() }) {
            let labels = PrometheusText.labels(sample.labels)
            sections[sample.family.name, default: PrometheusText.head(sample.family)] +=
                PrometheusText.prefix(sample.family.name, labels: labels) + PrometheusText.number(sample.value)
                + "\n"
        }
        for family in families where !family.series.isEmpty {
            var section = sections.removeValue(forKey: family.description.name) ?? family.head
            for entry in family.series { entry.series.append(to: &section) }
            sections[family.description.name] = section
        }
        return sections.sorted { $0.key < $1.key }.map(\.value).joined()
    }

    // MARK: Making metrics

    /// - Parameters:
    ///   - kind: what is wanted if the name is not among ``MetricFamily/all``.
    ///   - make: makes a new one, of the family and with the labels as text.
    private func series<Series: MetricSeries>(
        _ label: String, _ dimensions: [(String, String)], _ kind: MetricFamily.Kind,
        _ make: (MetricFamily, String) -> Series
    ) -> Series {
        let name = PrometheusText.name(label)
        let family = MetricFamily.named(name) ?? MetricFamily(name, kind, "Not described.")
        let labels = PrometheusText.labels(dimensions)
        return state.withLock { state in
            let place = state.families.firstIndex { $0.description.name >= name } ?? state.families.count
            if place == state.families.count || state.families[place].description.name != name {
                state.families.insert(Family(description: family, head: PrometheusText.head(family)), at: place)
            }
            let known = state.families[place]
            let position = known.series.firstIndex { $0.labels >= labels } ?? known.series.count
            if position < known.series.count, known.series[position].labels == labels,
                let series = known.series[position].series as? Series
            {
                return series
            }
            let made = make(known.description, labels)
            let isFree = position == known.series.count || known.series[position].labels != labels
            let fits = known.description.kind.name == kind.name && known.series.count < Self.seriesLimit
            if isFree && fits { state.families[place].series.insert((labels, made), at: position) }
            return made
        }
    }

    private func forget(_ handler: AnyObject) {
        state.withLock { state in
            for place in state.families.indices {
                state.families[place].series.removeAll { $0.series === handler }
            }
        }
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramSeries {
        series(label, dimensions, .histogram(Self.standardBounds)) { family, labels in
            let bounds = if case .histogram(let bounds) = family.kind { bounds } else { Self.standardBounds }
            return HistogramSeries(family, bounds: bounds, labels: labels)
        }
    }

    // MARK: MetricsFactory

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter) { CounterSeries($0, labels: $1) }
    }

    func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, .counter) { CounterSeries($0, labels: $1) }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries($0, labels: $1) }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return histogram(label, dimensions) }
        return series(label, dimensions, .gauge) { GaugeSeries($0, labels: $1) }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { histogram(label, dimensions) }

    func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler) }
    func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
    func destroyTimer(_ handler: any TimerHandler) { forget(handler) }
}

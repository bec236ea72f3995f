/// Metrics of one name, which differ by their labels only.
package struct MetricFamily: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// A counter only grows while the process lives.
        case counter
        case gauge
        /// How often values were at most this large, for each of these bounds, which ascend.
        case histogram([Double])

        /// The name that Prometheus has for it.
        var name: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    /// The name by the conventions of Prometheus: base units, `_total` for counters. Source:
    /// <https://prometheus.io/docs/practices/naming/>.
    package let name: String
    let kind: Kind
    /// The meaning, as a sentence.
    let help: String
    /// The names of its labels.
    let labels: [String]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }
}

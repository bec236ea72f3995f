import CoreMetrics
import Metrics
import Testing

@testable import Telemetry

@Suite("What was counted, as Prometheus reads it")
struct PrometheusRegistryTests {
    private let registry = PrometheusRegistry()

    @Test("families by name, metrics by labels, each family with its help and type")
    func format() {
        Counter(label: "baton_rows_read_total", dimensions: [("dataset", "users")], factory: registry).increment(by: 7)
        Counter(label: "baton_rows_read_total", dimensions: [("dataset", "bills")], factory: registry).increment(by: 2)
        Meter(label: "a_gauge", dimensions: [], factory: registry).set(-1.5)
        FloatingPointCounter(label: "b_total", dimensions: [], factory: registry).increment(by: 0.25)
        registry.collect { [.init(family: .isLeader, value: 1), .init(family: .epoch, value: 1_795_253_980_057_128)] }
        #expect(
            registry.text == """
                # HELP a_gauge Not described.
                # TYPE a_gauge gauge
                a_gauge -1.5
                # HELP b_total Not described.
                # TYPE b_total counter
                b_total 0.25
                # HELP baton_epoch The epoch that this replica leads with, else 0.
                # TYPE baton_epoch gauge
                baton_epoch 1795253980057128
                # HELP baton_is_leader 1 while this replica leads and its term has not run out, else 0.
                # TYPE baton_is_leader gauge
                baton_is_leader 1
                # HELP baton_rows_read_total Rows that were read from PostgreSQL.
                # TYPE baton_rows_read_total counter
                baton_rows_read_total{dataset="bills"} 2
                baton_rows_read_total{dataset="users"} 7

                """)
    }

    @Test("a timer is a histogram in seconds: each bucket holds those below it too")
    func timer() {
        let timer = Metrics.Timer(
            label: "t_seconds", dimensions: [("x", "y")], preferredDisplayUnit: .milliseconds, factory: registry)
        for milliseconds in [5, 6, 700, 60_000] { timer.recordMilliseconds(milliseconds) }
        let lines = registry.text.split(separator: "\n")
        #expect(lines.contains(#"t_seconds_bucket{x="y",le="0.005"} 1"#))
        #expect(lines.contains(#"t_seconds_bucket{x="y",le="0.01"} 2"#))
        #expect(lines.contains(#"t_seconds_bucket{x="y",le="1"} 3"#))
        #expect(lines.contains(#"t_seconds_bucket{x="y",le="10"} 3"#))
        #expect(lines.contains(#"t_seconds_bucket{x="y",le="+Inf"} 4"#))
        #expect(lines.contains(#"t_seconds_sum{x="y"} 60.711"#))
        #expect(lines.contains(#"t_seconds_count{x="y"} 4"#))
        #expect(lines.contains("# TYPE t_seconds histogram"))
    }

    @Test("an aggregating recorder is a histogram, any other one a gauge")
    func recorders() {
        Recorder(label: "r", dimensions: [], aggregate: true, factory: registry).record(3)
        Gauge(label: "g", dimensions: [], factory: registry).record(3)
        #expect(registry.text.contains("# TYPE r histogram\n") && registry.text.contains("\nr_count 1\n"))
        #expect(registry.text.contains("# TYPE g gauge\ng 3\n"))
    }

    @Test("whatever a label holds, or a name, it ends neither its line nor its quotes")
    func escaping() {
        let odd = "a\"b\\c\nd é"
        Counter(label: "1-odd name", dimensions: [("the label", odd)], factory: registry).increment()
        #expect(registry.text.hasSuffix("\n_1_odd_name{the_label=\"a\\\"b\\\\c\\nd é\"} 1\n"))
        let help = PrometheusText.head(MetricFamily("x", .gauge, "a\\b\nc\"d"))
        #expect(help == "# HELP x a\\\\b\\nc\"d\n# TYPE x gauge\n")
    }

    @Test(
        "numbers",
        arguments: [
            (0, "0"), (-3, "-3"), (0.1, "0.1"), (1e-9, "1e-09"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
            (.nan, "NaN"), (9_007_199_254_740_991, "9007199254740991"),
        ])
    func numbers(value: Double, text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test("what is asked for twice is one metric, also with its labels in another order")
    func same() {
        Counter(label: "c_total", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "c_total", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(registry.text.contains("\nc_total{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test("a name that is used for another kind is not shown twice")
    func conflict() {
        Counter(label: "c_total", dimensions: [], factory: registry).increment()
        Meter(label: "c_total", dimensions: [], factory: registry).set(17)
        Metrics.Timer(label: "c_total", dimensions: [("a", "b")], factory: registry).recordSeconds(1)
        #expect(registry.text == "# HELP c_total Not described.\n# TYPE c_total counter\nc_total 1\n")
    }

    @Test("a counter never shrinks")
    func monotonous() {
        let counter = Counter(label: "c_total", dimensions: [], factory: registry)
        counter.increment(by: 2)
        counter.increment(by: -1)
        #expect(registry.text.hasSuffix("\nc_total 2\n"))
    }

    @Test("a metric that is destroyed is gone, and begins anew when it is asked for again")
    func destroyed() {
        let meter = Meter(label: "g", dimensions: [("a", "b")], factory: registry)
        meter.set(5)
        meter.destroy()
        #expect(registry.text == "")
        meter.set(6)
        #expect(registry.text == "")
        _ = Meter(label: "g", dimensions: [("a", "b")], factory: registry)
        #expect(registry.text.hasSuffix("\ng{a=\"b\"} 0\n"))
    }

    @Test("label sets are bounded: those beyond the limit are counted where nobody sees it")
    func bounded() {
        for number in 0..<PrometheusRegistry.seriesLimit + 100 {
            Counter(label: "c_total", dimensions: [("n", "\(number)")], factory: registry).increment()
        }
        #expect(registry.text.split(separator: "\n").count == PrometheusRegistry.seriesLimit + 2)
    }

    @Test("counting from many tasks while somebody reads loses nothing")
    func concurrent() async {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { [registry] in
                    for _ in 0..<500 {
                        Counter(label: "c_total", dimensions: [("n", "\(number % 2)")], factory: registry).increment()
                        Metrics.Timer(label: "t_seconds", dimensions: [], factory: registry).recordNanoseconds(1)
                    }
                }
            }
            group.addTask { [registry] in for _ in 0..<50 { _ = registry.text } }
        }
        #expect(registry.text.contains("c_total{n=\"0\"} 2000\nc_total{n=\"1\"} 2000\n"))
        #expect(registry.text.contains("\nt_seconds_count 4000\n"))
    }
}

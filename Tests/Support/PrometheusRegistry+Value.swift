package import Telemetry

extension PrometheusRegistry {
    /// - Parameter name: as a line has it, with labels; nil if there is no such metric.
    package func value(_ name: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { $0.split(separator: " ").last.flatMap { Double($0) } }
    }
}

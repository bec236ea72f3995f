/// The text format of Prometheus, version 0.0.4.
///
/// Source: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The two lines that go before a family's samples.
    static func head(_ family: MetricFamily) -> String {
        "# HELP \(family.name) \(escaped(family.help, quotes: false))\n# TYPE \(family.name) \(family.kind.name)\n"
    }

    /// `dataset="users",state="busy"`, in the order of the names; empty if there are none.
    static func labels(_ labels: [(String, String)]) -> String {
        labels.sorted { $0.0 < $1.0 }.map { "\(name($0))=\"\(escaped($1, quotes: true))\"" }.joined(separator: ",")
    }

    /// All that goes before a sample's value, with the space.
    ///
    /// - Parameters:
    ///   - suffix: behind the family's name, such as `_sum`.
    ///   - labels: as ``labels(_:)`` writes them.
    ///   - bound: the bound of a histogram's bucket.
    static func prefix(_ name: String, suffix: String = "", labels: String, bound: String? = nil) -> String {
        let all = [labels, bound.map { "le=\"\($0)\"" } ?? ""].filter { !$0.isEmpty }.joined(separator: ",")
        return name + suffix + (all.isEmpty ? " " : "{\(all)} ")
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        // Whole numbers as such: an epoch is easier to read so, and exact up to here.
        if value == value.rounded(), value.magnitude < 0x1p53 { return String(Int64(value)) }
        return value.description
    }

    /// A valid name; characters that no name may have become `_`.
    static func name(_ text: String) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
            let isDigit = ("0"..."9").contains(scalar)
            if isDigit, name.isEmpty { name = "_" }
            name.unicodeScalars.append(isLetter || isDigit ? scalar : "_")
        }
        return name.isEmpty ? "_" : name
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += #"\\"#
            case "\n": escaped += #"\n"#
            case "\"" where quotes: escaped += #"\""#
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

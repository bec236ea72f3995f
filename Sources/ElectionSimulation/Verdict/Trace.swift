/// The events of a schedule, one a line; empty unless it is asked for.
struct Trace: Sendable {
    let isOn: Bool
    private(set) var lines: [String] = []

    init(isOn: Bool) { self.isOn = isOn }

    mutating func note(_ time: Microseconds, _ who: String, _ what: @autoclosure () -> String) {
        guard isOn else { return }
        lines.append("\(Trace.seconds(time))  \(Trace.padded(who, to: 7))  \(what())")
    }

    /// The time in seconds, such as `12.034567`.
    static func seconds(_ time: Microseconds) -> String {
        let fraction = String(time.magnitude % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        let text = "\(time < 0 ? "-" : "")\(time.magnitude / 1_000_000).\(zeros)\(fraction)"
        return String(repeating: " ", count: max(0, 9 - text.count)) + text
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

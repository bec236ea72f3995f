internal import Formatting

/// How the demo shows times.
enum Words {
    /// The number with one digit behind the point: `12.3`.
    static func tenths(_ value: Double) -> String { TextLayout.decimal(value, places: 1) }

    /// `412 ms` or `12.3 s`.
    static func brief(_ duration: Duration) -> String {
        let milliseconds = Int(duration / .milliseconds(1))
        return milliseconds < 1000 ? "\(milliseconds) ms" : "\(tenths(duration / .seconds(1))) s"
    }

    /// `0.4 s`, `12 s`, `3:05` or `1:02:03`: how long ago something was.
    static func elapsed(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        if seconds < 10 { return "\(tenths(max(0, seconds))) s" }
        if seconds < 60 { return "\(Int(seconds)) s" }
        return clock(duration)
    }

    /// `0:42` or `1:02:03`.
    static func clock(_ duration: Duration) -> String {
        let seconds = Int(duration / .seconds(1))
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(seconds % 60))" : "\(minutes):\(two(seconds % 60))"
    }
}

internal import Glibc

/// A moment by the calendar, in UTC, for people. Nothing is decided by it.
package struct WallClock {
    package let millisecondsSince1970: Int64

    package init(_ millisecondsSince1970: Int64) { self.millisecondsSince1970 = millisecondsSince1970 }

    package static var now: WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// `08:20:20.037`
    package var timeOfDay: String {
        let parts = parts
        return "\(Self.time(parts)).\(String(1000 + millisecondsSince1970 % 1000).dropFirst())"
    }

    /// `2026-11-21T08:20:20.037Z`
    package var iso8601: String { "\(Self.day(parts))T\(timeOfDay)Z" }

    /// `2026-11-21 08:20:20 UTC`
    package var date: String {
        let parts = parts
        return "\(Self.day(parts)) \(Self.time(parts)) UTC"
    }

    private var parts: tm {
        var parts = tm()
        var seconds = time_t(millisecondsSince1970 / 1000)
        gmtime_r(&seconds, &parts)
        return parts
    }

    private static func day(_ parts: tm) -> String {
        "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }

    private static func time(_ parts: tm) -> String {
        "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// Durations as the configuration writes them: `600ms`, `3s`, `10m`, `24h`, `1h30m`.
package enum DurationText {
    /// Longest unit first; also the order in which they may follow one another.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// Ten years; sums of a few such durations stay far from any overflow.
    package static let longest = Duration.seconds(87_600 * 3600)

    /// - Returns: nil unless the text is whole numbers with units, each unit once, the longer before the shorter.
    package static func parse(_ text: String) -> Duration? {
        var rest = Substring(text)
        var total: Int64 = 0
        var allowed = units[...]
        repeat {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let number = Int64(digits), let unit = allowed.firstIndex(where: { $0.name == name }) else {
                return nil
            }
            let (product, isTooLong) = number.multipliedReportingOverflow(by: units[unit].milliseconds)
            let (sum, isTooLongInAll) = total.addingReportingOverflow(product)
            guard !isTooLong, !isTooLongInAll else { return nil }
            total = sum
            allowed = units[(unit + 1)...]
        } while !rest.isEmpty
        return .milliseconds(total)
    }

    /// The shortest text that ``parse(_:)`` reads as this duration; what is less than a millisecond is left out.
    package static func render(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in units where rest >= unit.milliseconds {
            text += "\(rest / unit.milliseconds)\(unit.name)"
            rest %= unit.milliseconds
        }
        return text
    }
}

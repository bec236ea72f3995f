internal import Formatting

/// The verdict for people.
extension Verdict {
    /// A table of the terms and one of the counts.
    ///
    /// - Parameter newest: how many terms are shown at most, the last ones.
    public func report(newest: Int = 20) -> String {
        var lines: [String] = []
        if terms.count > newest { lines.append("… \(terms.count - newest) earlier terms") }
        let rows = terms.suffix(newest).map { term in
            [
                "\(term.epoch)", term.holder, term.from.inSeconds, term.until.inSeconds, term.gap?.inSeconds ?? "–",
                "\(term.writesAccepted)", "\(term.staleWritesRefused)", term.reason ?? "–",
            ]
        }
        let head = ["epoch", "holder", "from", "until", "gap", "writes", "refused after", "ended because"]
        lines += TextLayout.aligned([head] + rows).map { "  \($0)" }
        lines.append("")
        lines += TextLayout.aligned(summary).map { "  \($0)" }
        if !violations.isEmpty {
            lines += ["", "VIOLATED"] + violations.prefix(10).map { "  \($0)" }
            if violations.count > 10 { lines.append("  … \(violations.count - 10) more") }
        }
        return lines.joined(separator: "\n")
    }

    private var summary: [[String]] {
        let overlap = overlaps.map(\.length).max()
        var rows = [
            ["faults", "\(faults)"],
            ["terms", "\(terms.count)"],
            ["longest time without a leader", longestGap.inSeconds],
            ["two believed to lead", overlap.map { "\(overlaps.count) times, at most \($0.inSeconds)" } ?? "never"],
            ["writes accepted", "\(writesAccepted)"],
            ["stale writes refused", "\(staleWritesRefused)"],
            ["writes out of turn refused", "\(writesOutOfTurn)"],
        ]
        for rule in Violation.Rule.allCases { rows.append([rule.rawValue, "\(count(rule))"]) }
        return rows
    }
}

extension Duration {
    /// The duration in seconds, such as `3.021 s`.
    var inSeconds: String {
        let milliseconds = Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
        let digits = "\(1000 + abs(milliseconds) % 1000)".dropFirst()
        return "\(milliseconds < 0 ? "-" : "")\(abs(milliseconds) / 1000).\(digits) s"
    }
}

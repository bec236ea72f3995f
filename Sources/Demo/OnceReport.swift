internal import Formatting

/// The report on one full pass, and on whether the cache is what it should be.
struct OnceReport: Sendable {
    let verdicts: [DatasetVerdict]
    /// What each dataset's pass did, by the dataset's name.
    let passes: [String: PassReport]
    /// The most memory that the leader had, in bytes.
    let peakMemory: Int
    let secondsToVerify: Double

    var isRight: Bool { verdicts.allSatisfy(\.isRight) }

    private static let header = [
        "Dataset", "Rows", "Keys", "Equal", "Different", "Missing", "Extra", "Wrong TTL", "Seconds", "Rows/s",
    ]

    /// The report for people.
    var lines: [String] {
        let rows = verdicts.map { verdict in
            let seconds = passes[verdict.dataset].map { $0.milliseconds / 1000 }
            let counts = [
                verdict.rows, verdict.keys, verdict.equal, verdict.different, verdict.missing, verdict.extra,
                verdict.wrongTTL,
            ]
            return
                [verdict.dataset] + counts.map { TextLayout.grouped($0) } + [
                    seconds.map { TextLayout.decimal($0, places: 3) } ?? "–",
                    seconds.map { $0 > 0 ? TextLayout.grouped(Int(Double(verdict.rows) / $0)) : "–" } ?? "–",
                ]
        }
        var lines = TextLayout.table(header: Self.header, rows, numbersFrom: 1) + [""]
        let findings = verdicts.flatMap(\.findings)
        lines += findings.prefix(20)
        let keys = verdicts.reduce(0) { $0 + $1.keys }
        let equal = verdicts.reduce(0) { $0 + $1.equal }
        lines.append(
            isRight
                ? "All \(TextLayout.grouped(keys)) keys are as PostgreSQL's to_jsonb says, "
                    + "compared in \(Words.tenths(secondsToVerify)) s."
                : "NOT EQUAL: \(TextLayout.grouped(equal)) of \(TextLayout.grouped(keys)) keys are as PostgreSQL's to_jsonb says."
        )
        if peakMemory > 0 {
            lines.append("The leader's peak memory: \(Words.tenths(Double(peakMemory) / 1_048_576)) MiB.")
        }
        return lines
    }
}

/// What one full pass did, and whether the cache is what it should be.
struct OnceReport: Sendable {
    let verdicts: [DatasetVerdict]
    /// By dataset.
    let passes: [String: PassReport]
    /// Of the leader, in bytes.
    let peakMemory: Int
    let secondsToVerify: Double

    var isRight: Bool { verdicts.allSatisfy(\.isRight) }

    /// For people.
    var lines: [String] {
        var table = TextTable(header: [
            "Dataset", "Rows", "Keys", "Equal", "Different", "Missing", "Extra", "Wrong TTL", "Seconds", "Rows/s",
        ])
        for verdict in verdicts {
            let seconds = passes[verdict.dataset].map { $0.milliseconds / 1000 }
            let counts = [
                verdict.rows, verdict.keys, verdict.equal, verdict.different, verdict.missing, verdict.extra,
                verdict.wrongTTL,
            ]
            table.add(
                [verdict.dataset] + counts.map { Words.grouped($0) } + [
                    seconds.map { Words.decimal($0, digits: 3) } ?? "–",
                    seconds.map { $0 > 0 ? Words.grouped(Int(Double(verdict.rows) / $0)) : "–" } ?? "–",
                ])
        }
        var lines = table.lines + [""]
        let findings = verdicts.flatMap(\.findings)
        lines += findings.prefix(20)
        let keys = verdicts.reduce(0) { $0 + $1.keys }
        let equal = verdicts.reduce(0) { $0 + $1.equal }
        lines.append(
            isRight
                ? "All \(Words.grouped(keys)) keys are as PostgreSQL's to_jsonb says, "
                    + "compared in \(Words.tenths(secondsToVerify)) s."
                : "NOT EQUAL: \(Words.grouped(equal)) of \(Words.grouped(keys)) keys are as PostgreSQL's to_jsonb says."
        )
        if peakMemory > 0 {
            lines.append("The leader's peak memory: \(Words.tenths(Double(peakMemory) / 1_048_576)) MiB.")
        }
        return lines
    }
}

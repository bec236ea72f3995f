import Drills
import LocalStack

/// Filling an empty cache from a large table, against the quickest way that a shell has.
struct FullPass {
    let rows: Int
    let rounds: Int
    let report: Report

    /// How long a pass over all the rows may take.
    private static let patience = Duration.seconds(300)

    static let table = """
        create table items (
            id bigint primary key, owner_id bigint not null, code text not null, title text not null,
            status text not null, amount bigint not null, description text,
            created_at timestamptz not null, updated_at timestamptz not null
        );
        """

    /// About 300 bytes of JSON each.
    static func fill(_ rows: Int) -> String {
        """
        insert into items
        select i, i % 5000, 'C' || lpad(i::text, 10, '0'), 'Item number ' || i, 'active', i * 37 % 1000000,
               repeat(md5(i::text), 3), '2024-01-01'::timestamptz + i * interval '1 second',
               '2024-06-01'::timestamptz + i * interval '1 second'
        from generate_series(1, \(rows)) i;
        vacuum analyze items;
        """
    }

    /// The command that the figure is held against: SQL makes the protocol, `redis-cli` sends it.
    ///
    /// - Parameter function: `to_jsonb` makes the very values that Baton caches; `row_to_json` is quicker, and leaves
    ///   numbers and repeated names as they are.
    static func pipe(_ stage: Stage, _ function: String) -> String {
        let sql = """
            select e'*5\\r\\n$3\\r\\nSET\\r\\n$' || octet_length(k) || e'\\r\\n' || k || e'\\r\\n$' || octet_length(v) || e'\\r\\n' || v
                || e'\\r\\n$2\\r\\nEX\\r\\n$5\\r\\n86400\\r'
            from (select 'item:' || id as k, \(function)(t)::text as v from items t) r
            """
        return """
            psql '\(stage.postgres.url(database: Stage.database))' -At -c "\(sql.replacing("$", with: "\\$"))" \
            | redis-cli -p \(stage.redis.port) --pipe
            """
    }

    func run() async throws {
        try await Stage.with { stage in
            report.say("full pass: filling a table with \(Report.number(Double(rows))) rows")
            try await stage.sql(Self.table)
            try await stage.sql(Self.fill(rows))
            // No tick goes by unread, so that what an unchanged table costs is seen too.
            try stage.configure(datasets: #"  items: { table: items, key: "item:{id}", changes: snapshot }"#)
            var ours: [Double] = []
            var theirs: [Double] = []
            var quickest: [Double] = []
            var peaks: [Double] = []
            for round in 1...rounds {
                report.say("full pass: round \(round) of \(rounds)")
                theirs.append(try await shell(stage, "to_jsonb"))
                quickest.append(try await shell(stage, "row_to_json"))
                let (rate, replica) = try await baton(stage)
                ours.append(rate)
                peaks.append(Double(ProcessStatus(of: replica.process.pid)?.peakMemory ?? 0))
                if round == rounds { try await unchangedTick(stage, replica) }
                await stage.stopReplicas()
            }
            report.add("full_pass.baton", ours.median, "rows/s", .higher)
            report.add("full_pass.psql_to_jsonb", theirs.median, "rows/s", .higher)
            report.add("full_pass.psql_row_to_json", quickest.median, "rows/s", .higher)
            report.add("full_pass.ratio", zip(ours, theirs).map { $0 / $1 }.median, "times", goal: 2.5, .higher)
            report.add("full_pass.ratio_row_to_json", zip(ours, quickest).map { $0 / $1 }.median, "times", .higher)
            let goal = Double(64 << 20) + 100 * Double(rows)
            report.add("full_pass.peak_memory", (peaks.max() ?? 0) / 0x1p20, "MiB", goal: goal / 0x1p20, .lower)
        }
    }

    private func empty(_ stage: Stage) async throws {
        _ = try await stage.redis("FLUSHALL")
    }

    private func expectAll(_ stage: Stage) async throws {
        let found = try await stage.redis("EVAL", "return #redis.call('keys', 'item:*')", "0").first ?? ""
        guard found == "\(rows)" else { throw Shell.Failed(description: "\(found) of \(rows) keys are there") }
    }

    private func shell(_ stage: Stage, _ function: String) async throws -> Double {
        try await empty(stage)
        let begin = ContinuousClock.now
        _ = try await Shell.lines("bash", ["-o", "pipefail", "-c", Self.pipe(stage, function)])
        let rate = Double(rows) / (ContinuousClock.now - begin).seconds
        try await expectAll(stage)
        return rate
    }

    /// From the start of the process, as the shell's way is timed too, election included, until every write is
    /// confirmed.
    private func baton(_ stage: Stage) async throws -> (rate: Double, ReplicaProcess) {
        try await empty(stage)
        let begin = ContinuousClock.now
        let replica = try await stage.startReplica("a")
        let entry = try await replica.line("pass finished", within: Self.patience)
        guard entry.line.metadata["written"] == "\(rows)" else {
            throw Shell.Failed(description: "not all: \(entry.line.text)")
        }
        let rate = Double(rows) / (entry.at - begin).seconds
        try await expectAll(stage)
        return (rate, replica)
    }

    /// What ticks cost Redis when nothing changed.
    private func unchangedTick(_ stage: Stage, _ replica: ReplicaProcess) async throws {
        try await replica.line("pass finished", after: replica.lineCount, within: Self.patience)
        let before = try await stage.fenceSequence()
        let start = replica.lineCount
        var times: [Double] = []
        var seen = start
        for _ in 0..<3 {
            let line = try await replica.line("pass finished", after: seen, within: Self.patience).line
            times.append(Double(line.metadata["milliseconds"] ?? "") ?? 0)
            seen = replica.lineCount
        }
        // Every batch moves the fence on, also one that only renews.
        let batches = try await stage.fenceSequence() - before
        report.add("unchanged_tick.batches", Double(batches), "batches", goal: 0, .lower)
        report.add("unchanged_tick.duration", times.median, "ms", .lower)
    }
}

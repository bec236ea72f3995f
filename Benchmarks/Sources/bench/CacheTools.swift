import Drills
import Foundation
import LocalStack

/// `baton cache list` and `clear` over very many keys, against what people do with `redis-cli`.
struct CacheTools {
    let keys: Int
    let rounds: Int
    let report: Report

    private static let pattern = "user:*"

    func run() async throws {
        try await Stage.with { stage in
            var lists: [Double] = []
            var clears: [Double] = []
            var shells: [Double] = []
            var kept: [Double] = []
            var memory: [Double] = []
            var longest: [Double] = []
            // Only its name and template count here: nobody leads.
            try stage.configure(datasets: "  users: { table: users, key: \"user:{id}\" }")
            _ = try await stage.redis("CONFIG", "SET", "slowlog-max-len", "100000", "slowlog-log-slower-than", "1000")
            // What else this machine does would count as Redis' time; whoever may not ask for that goes without.
            if let pid = stage.redis.pid { _ = try? await Shell.lines("renice", ["-n", "-10", "-p", "\(pid)"]) }
            for round in 1...rounds {
                report.say("cache tools: round \(round) of \(rounds), \(Report.number(Double(keys))) keys")
                try await fill(stage)
                shells.append(
                    try await rate {
                        _ = try await Shell.lines(
                            "bash",
                            [
                                "-o", "pipefail", "-c",
                                "redis-cli -p \(stage.redis.port) --scan --pattern '\(Self.pattern)' "
                                    + "| xargs redis-cli -p \(stage.redis.port) unlink > /dev/null",
                            ])
                    })
                try await expectNone(stage)
                try await fill(stage)
                lists.append(
                    try await rate { memory.append(try await baton(stage, ["list", "--pattern", Self.pattern])) })
                clears.append(
                    try await rate {
                        memory.append(try await baton(stage, ["clear", "--pattern", Self.pattern, "--yes"]))
                    })
                try await expectNone(stage)
                let longestWithoutNotes = try await longestCommand(stage)
                // With a note for the leader in each step.
                try await fill(stage)
                kept.append(
                    try await rate {
                        memory.append(
                            try await watch(stage.baton("cache", "clear", "all", "--family", "users", "--yes")))
                    })
                guard try await stage.redis("EXISTS", "{baton:default}:cleared").first == "1" else {
                    throw Shell.Failed(description: "the leader was not told")
                }
                longest.append(max(longestWithoutNotes, try await longestCommand(stage)))
            }
            report.add("cache_tools.redis_cli_unlink", shells.median, "keys/s", .higher)
            report.add("cache_tools.list", lists.median, "keys/s", .higher)
            report.add("cache_tools.clear", clears.median, "keys/s", .higher)
            report.add(
                "cache_tools.list_ratio", zip(lists, shells).map { $0 / $1 }.median, "times", goal: 0.8, .higher)
            report.add(
                "cache_tools.clear_ratio", zip(clears, shells).map { $0 / $1 }.median, "times", goal: 0.8, .higher)
            report.add(
                "cache_tools.clear_kept_ratio", zip(kept, shells).map { $0 / $1 }.median, "times", goal: 0.8, .higher)
            report.add("cache_tools.peak_memory", memory.max() ?? 0, "MiB", goal: 40, .lower)
            // Each round does the same work, and a machine that pauses only adds to it: the least is nearest to the
            // truth.
            report.add("cache_tools.longest_command", longest.min() ?? 0, "ms", goal: 5, .lower)
            report.add("cache_tools.longest_command_of_worst_round", longest.max() ?? 0, "ms", .lower)
        }
    }

    private func rate(_ body: () async throws -> Void) async throws -> Double {
        let begin = ContinuousClock.now
        try await body()
        return Double(keys) / (ContinuousClock.now - begin).seconds
    }

    private func fill(_ stage: Stage) async throws {
        _ = try await stage.redis("FLUSHALL")
        let script =
            "for i = ARGV[1], ARGV[2] do redis.call('SET', 'user:' .. i, string.rep('x', 100), 'EX', 86400) end"
        for start in stride(from: 1, through: keys, by: 20_000) {
            _ = try await stage.redis("EVAL", script, "0", "\(start)", "\(min(keys, start + 19_999))")
        }
        _ = try await stage.redis("SLOWLOG", "RESET")
    }

    private func expectNone(_ stage: Stage) async throws {
        let left = try await stage.redis("DBSIZE").first ?? ""
        guard left == "0" else { throw Shell.Failed(description: "\(left) keys are left") }
    }

    private func baton(_ stage: Stage, _ words: [String]) async throws -> Double {
        try await watch(Stage.program(["cache"] + words + ["--redis", stage.redis.url]))
    }

    /// Waits for the end of a process.
    ///
    /// - Returns: its peak memory in MiB.
    private func watch(_ process: ChildProcess) async throws -> Double {
        let watch = Task {
            var peak = 0
            while !Task.isCancelled {
                peak = max(peak, ProcessStatus(of: process.pid)?.peakMemory ?? 0)
                try? await Task.sleep(for: .milliseconds(5))
            }
            return peak
        }
        let status = await process.wait()
        watch.cancel()
        guard status.isSuccess else { throw Shell.Failed(description: "baton cache: \(status)") }
        return Double(await watch.value) / 0x1p20
    }

    /// In milliseconds, of all since the keys were made; 1 if none took longer.
    private func longestCommand(_ stage: Stage) async throws -> Double {
        let script = """
            local longest = 1000
            for _, entry in ipairs(redis.call('SLOWLOG', 'GET', '100000')) do longest = math.max(longest, entry[3]) end
            return longest
            """
        return (Double(try await stage.redis("EVAL", script, "0").first ?? "") ?? 0) / 1000
    }
}

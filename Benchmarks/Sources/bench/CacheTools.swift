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
            var memory: [Double] = []
            var longest = 0.0
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
                _ = try await stage.redis("CONFIG", "SET", "slowlog-log-slower-than", "1000")
                _ = try await stage.redis("SLOWLOG", "RESET")
                lists.append(
                    try await rate { memory.append(try await baton(stage, ["list", "--pattern", Self.pattern])) })
                clears.append(
                    try await rate {
                        memory.append(try await baton(stage, ["clear", "--pattern", Self.pattern, "--yes"]))
                    })
                try await expectNone(stage)
                longest = max(longest, try await longestCommand(stage))
                _ = try await stage.redis("CONFIG", "SET", "slowlog-log-slower-than", "10000")
            }
            report.add("cache_tools.redis_cli_unlink", shells.median, "keys/s", .higher)
            report.add("cache_tools.list", lists.median, "keys/s", .higher)
            report.add("cache_tools.clear", clears.median, "keys/s", .higher)
            report.add(
                "cache_tools.list_ratio", zip(lists, shells).map { $0 / $1 }.median, "times", goal: 0.8, .higher)
            report.add(
                "cache_tools.clear_ratio", zip(clears, shells).map { $0 / $1 }.median, "times", goal: 0.8, .higher)
            report.add("cache_tools.peak_memory", memory.max() ?? 0, "MiB", goal: 40, .lower)
            report.add("cache_tools.longest_command", longest, "ms", goal: 5, .lower)
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
    }

    private func expectNone(_ stage: Stage) async throws {
        let left = try await stage.redis("DBSIZE").first ?? ""
        guard left == "0" else { throw Shell.Failed(description: "\(left) keys are left") }
    }

    /// - Returns: its peak memory in MiB.
    private func baton(_ stage: Stage, _ words: [String]) async throws -> Double {
        let process = try await Stage.program(["cache"] + words + ["--redis", stage.redis.url])
        let watch = Task {
            var peak = 0
            while !Task.isCancelled {
                peak = max(peak, process.peakMemory)
                try? await Task.sleep(for: .milliseconds(5))
            }
            return peak
        }
        let status = await process.wait()
        watch.cancel()
        guard status.isSuccess else { throw Shell.Failed(description: "baton cache \(words[0]): \(status)") }
        return Double(await watch.value) / 0x1p20
    }

    /// In milliseconds, of all since the slow log was emptied; 1 if none took longer.
    private func longestCommand(_ stage: Stage) async throws -> Double {
        let script = """
            local longest = 1000
            for _, entry in ipairs(redis.call('SLOWLOG', 'GET', '1000')) do longest = math.max(longest, entry[3]) end
            return longest
            """
        return (Double(try await stage.redis("EVAL", script, "0").first ?? "") ?? 0) / 1000
    }
}

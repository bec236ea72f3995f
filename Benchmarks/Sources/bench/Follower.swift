import Drills
import Foundation
import LocalStack

/// What a follower costs while it waits.
struct Follower {
    let seconds: Int
    let report: Report

    func run() async throws {
        try await run("follower", crashDetection: "connection", commandsGoal: 25)
        try await run("follower_ttl", crashDetection: "ttl", commandsGoal: 3)
    }

    /// - Parameter crashDetection: by which the group is configured; where the leader's connections are looked at, that
    ///   takes 20 commands a second.
    private func run(_ name: String, crashDetection: String, commandsGoal: Double) async throws {
        let environment = ["BATON_LEASE_CRASH_DETECTION": crashDetection]
        try await Stage.with { stage in
            try await stage.sql(FullPass.table)
            try await stage.sql(FullPass.fill(1000))
            try stage.configure(datasets: #"  items: { table: items, key: "item:{id}" }"#)
            let leader = try await stage.startReplica("leader", environment: environment)
            try await leader.line("pass finished")
            let others = try await Self.sessions(stage)
            let follower = try await stage.startReplica("follower", environment: environment)
            try await follower.line("following")
            try await Task.sleep(for: .seconds(3))
            report.say("\(name): watching it for \(seconds) s")
            let before = try Self.status(of: follower)
            let begin = ContinuousClock.now
            let commands = try await commands(than: others, stage)
            let elapsed = (ContinuousClock.now - begin).seconds
            let after = try Self.status(of: follower)
            report.add("\(name).memory", Double(after.peakMemory) / 0x1p20, "MiB", goal: 34, .lower)
            let used = (after.processorTime - before.processorTime).seconds
            report.add("\(name).processor", used / elapsed * 100, "% of a core", goal: 0.7, .lower)
            report.add("\(name).commands", Double(commands) / elapsed, "commands/s", goal: commandsGoal, .lower)
            if name == "follower" {
                report.add("leader.idle_commands", try await idleCommands(stage), "commands/s", .lower)
            }
        }
    }

    private static func status(of replica: ReplicaProcess) throws -> ProcessStatus {
        guard let status = ProcessStatus(of: replica.process.pid) else {
            throw Shell.Failed(description: "replica \(replica.name) has ended")
        }
        return status
    }

    /// Counts what arrives at Redis from other sessions of replicas than these.
    private func commands(than others: Set<String>, _ stage: Stage) async throws -> Int {
        let addresses = try await Self.sessions(stage).subtracting(others)
        guard !addresses.isEmpty else { throw Shell.Failed(description: "the follower has no session at Redis") }
        let monitor = try await ChildProcess.start(
            "redis-cli", ["-p", "\(stage.redis.port)", "MONITOR"], environment: stage.redis.environment)
        try await Task.sleep(for: .seconds(seconds))
        _ = await monitor.terminate(with: SIGTERM)
        var count = 0
        for await line in monitor.standardOutput where addresses.contains(where: { line.contains(" \($0)]") }) {
            count += 1
        }
        return count
    }

    /// The addresses of all replicas' sessions at Redis.
    private static func sessions(_ stage: Stage) async throws -> Set<String> {
        let lines = try await stage.redis("CLIENT", "LIST")
        return Set(
            lines.filter { $0.contains(" name=baton") }.compactMap { line in
                line.split(separator: " ").first { $0.hasPrefix("addr=") }.map { String($0.dropFirst("addr=".count)) }
            })
    }

    /// Of the leader and the follower together, while nothing changes; what scripts do within Redis not counted twice.
    private func idleCommands(_ stage: Stage) async throws -> Double {
        let before = try await stage.calls()["evalsha"] ?? 0
        try await Task.sleep(for: .seconds(5))
        return Double((try await stage.calls()["evalsha"] ?? 0) - before) / 5
    }
}

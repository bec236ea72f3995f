import Foundation
import LocalStack

/// What a follower costs while it waits.
struct Follower {
    let seconds: Int
    let report: Report

    func run() async throws {
        try await Stage.with { stage in
            try await stage.sql(FullPass.table)
            try await stage.sql(FullPass.fill(1000))
            try stage.configure(datasets: #"  items: { table: items, key: "item:{id}" }"#)
            let leader = try await stage.startReplica("leader")
            _ = try await leader.line("pass finished")
            let follower = try await stage.startReplica("follower")
            _ = try await follower.line("following")
            try await Task.sleep(for: .seconds(3))
            report.say("follower: watching it for \(seconds) s")
            let used = follower.processorTime
            let begin = ContinuousClock.now
            let commands = try await commands(of: follower, stage)
            let elapsed = (ContinuousClock.now - begin).seconds
            report.add("follower.memory", Double(follower.peakMemory) / 0x1p20, "MiB", goal: 40, .lower)
            report.add(
                "follower.processor", (follower.processorTime - used).seconds / elapsed * 100, "% of a core", goal: 1,
                .lower)
            report.add("follower.commands", Double(commands) / elapsed, "commands/s", goal: 3, .lower)
            report.add("leader.idle_commands", try await idleCommands(stage), "commands/s", .lower)
        }
    }

    /// Counts what arrives from the follower's own connections, as Redis sees it.
    private func commands(of follower: Replica, _ stage: Stage) async throws -> Int {
        let addresses = try await stage.redis("CLIENT", "LIST").compactMap { line -> String? in
            let fields = Dictionary(
                line.split(separator: " ").compactMap { field in
                    let parts = field.split(separator: "=", maxSplits: 1)
                    return parts.count == 2 ? (parts[0], parts[1]) : nil
                }, uniquingKeysWith: { $1 })
            guard let address = fields["addr"], let port = Int(address.split(separator: ":").last ?? "") else {
                return nil
            }
            return Sockets.localPorts(of: follower.process.pid).contains(port) ? String(address) : nil
        }
        guard !addresses.isEmpty else { throw Shell.Failed(description: "the follower has no connection to Redis") }
        let monitor = try await ChildProcess.start("redis-cli", ["-p", "\(stage.redis.port)", "MONITOR"])
        try await Task.sleep(for: .seconds(seconds))
        _ = await monitor.terminate(with: SIGTERM)
        var count = 0
        for await line in monitor.standardOutput where addresses.contains(where: { line.contains(" \($0)]") }) {
            count += 1
        }
        return count
    }

    /// Of the leader and the follower together, while nothing changes; what scripts do within Redis not counted twice.
    private func idleCommands(_ stage: Stage) async throws -> Double {
        let before = try await stage.calls()["evalsha"] ?? 0
        try await Task.sleep(for: .seconds(5))
        return Double((try await stage.calls()["evalsha"] ?? 0) - before) / 5
    }
}

/// The TCP sockets of a process, as `/proc` shows them.
enum Sockets {
    static func localPorts(of pid: Int32) -> Set<Int> {
        let files = FileManager.default
        let names = (try? files.contentsOfDirectory(atPath: "/proc/\(pid)/fd")) ?? []
        let inodes = Set(
            names.compactMap { try? files.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)") }
                .filter { $0.hasPrefix("socket:[") }.map { $0.filter(\.isNumber) })
        var ports: Set<Int> = []
        for line in ((try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)) ?? "").split(separator: "\n")
            .dropFirst()
        {
            let fields = line.split(separator: " ")
            if fields.count > 9, inodes.contains(String(fields[9])), let port = fields[1].split(separator: ":").last {
                ports.insert(Int(port, radix: 16) ?? 0)
            }
        }
        return ports
    }
}

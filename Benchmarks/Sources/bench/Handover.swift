import Drills
import Foundation
import LocalStack

/// How long nobody leads after a leader was told to end, or was killed where only the TTL counts. The part failover
/// looks closer, and at more.
struct Handover {
    let terminations: Int
    let kills: Int
    let report: Report
    /// Of the standard configuration.
    static let ttl = Duration.seconds(3)
    private static let environment = ["BATON_LEASE_CRASH_DETECTION": "ttl"]

    func run() async throws {
        try await Stage.with { stage in
            try await stage.sql(FullPass.table)
            try await stage.sql(FullPass.fill(1000))
            try stage.configure(datasets: #"  items: { table: items, key: "item:{id}" }"#)
            var others = [try await stage.startReplica("a", environment: Self.environment)]
            var leader = others.removeFirst()
            try await leader.line("elected")
            for name in ["b", "c"] { others.append(try await stage.startReplica(name, environment: Self.environment)) }
            for replica in others { try await replica.line("following") }

            report.say("handover: \(terminations) leaders are told to end")
            var terminated: [Double] = []
            for _ in 0..<terminations {
                terminated.append(try await handOver(stage, SIGTERM, &leader, &others))
            }
            report.add("handover.sigterm_median", terminated.median, "ms", goal: 100, .lower)
            report.add("handover.sigterm_maximum", terminated.max() ?? 0, "ms", .lower)

            report.say("handover: \(kills) leaders are killed")
            var killed: [Double] = []
            for _ in 0..<kills { killed.append(try await handOver(stage, SIGKILL, &leader, &others)) }
            let goal = (Self.ttl + .milliseconds(250)).milliseconds
            report.add("handover.sigkill_median", killed.median, "ms", .lower)
            report.add("handover.sigkill_maximum", killed.max() ?? 0, "ms", goal: goal, .lower)
        }
    }

    /// Signals the leader, waits for its successor's word, and starts the old one anew as a follower.
    ///
    /// - Returns: milliseconds from the signal to the successor's election.
    private func handOver(
        _ stage: Stage, _ signal: Int32, _ leader: inout ReplicaProcess, _ others: inout [ReplicaProcess]
    ) async throws -> Double {
        // Somewhere between two renewals.
        try await Task.sleep(for: .milliseconds(Int.random(in: 300..<1300)))
        let starts = others.map(\.lineCount)
        let begin = ContinuousClock.now
        try leader.process.signal(signal)
        let (index, at) = try await withThrowingTaskGroup(of: (Int, ContinuousClock.Instant).self) { group in
            for (index, replica) in others.enumerated() {
                let start = starts[index]
                group.addTask { (index, try await replica.line("elected", after: start, within: .seconds(20)).at) }
            }
            let first = try await group.next()!
            group.cancelAll()
            return first
        }
        await leader.ended()
        let successor = others.remove(at: index)
        let newcomer = try await stage.startReplica(leader.name, environment: Self.environment)
        try await newcomer.line("following")
        others.append(newcomer)
        leader = successor
        return (at - begin).milliseconds
    }
}

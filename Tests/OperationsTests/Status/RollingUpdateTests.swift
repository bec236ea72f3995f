import LeaderElection
import LocalStack
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import Operations

/// An update of all replicas, one by one, to another version.
@Suite struct RollingUpdateTests {
    /// Replicas of an older version wait for two seconds before they ask: ample time for the others on a busy machine.
    /// Nobody waits for the lease to run out.
    private static let timing = ElectionBench.timing(
        ttl: .seconds(300), renewEvery: .milliseconds(300), renewTimeout: .seconds(5), retryDelay: .seconds(2))

    private struct Rollout {
        let bench: ElectionBench
        var replicas: [String: ElectionReplica] = [:]

        mutating func start(_ name: String, version: String) throws {
            replicas[name] = try ElectionReplica(name, bench, version: version)
        }

        func present() async throws -> [ReplicaInfo] { try await bench.inspector.status().view.present }

        func leader() async throws -> String? { try await bench.inspector.status().view.leader?.name }

        /// Waits until a replica is there and all others know of it: each learns who is there when it says that it is.
        func waitUntilAllKnow(_ name: String) async throws {
            var arrival: Int64?
            try await eventually("all know of \(name)") {
                let present = try await present()
                arrival = arrival ?? present.first { $0.name == name }?.seenMilliseconds
                guard let arrival, present.count == replicas.count else { return false }
                return present.allSatisfy { $0.name == name || $0.seenMilliseconds > arrival }
            }
        }

        /// Ends a replica, and waits for a leader.
        mutating func end(_ name: String) async throws {
            await replicas.removeValue(forKey: name)?.close()
            try await eventually("a leader") { try await leader().map { replicas[$0] != nil } ?? false }
        }
    }

    @Test(
        "Of five replicas, in whatever order, changes the leader at most twice",
        arguments: [("1.9.0", "1.10.0", true), ("1.9.0", "1.10.0", false), ("2.0.0-rc1", "2.0.0-rc2", true)])
    func toANewerVersion(_ old: String, _ new: String, leaderFirst: Bool) async throws {
        try await LocalRedis.withServer { server in
            var rollout = Rollout(bench: try await ElectionBench(on: server, timing: Self.timing))
            for number in 1...5 {
                try rollout.start("old-\(number)", version: old)
                try await eventually("old-1 leads") { try await rollout.leader() == "old-1" }
            }
            try await rollout.waitUntilAllKnow("old-5")
            // As Kubernetes does it: one comes, then one goes.
            for number in 1...5 {
                let leaving = leaderFirst ? number : 6 - number
                let name = "new-\(number)"
                try rollout.start(name, version: new)
                try await rollout.waitUntilAllKnow(name)
                let leader = try await rollout.leader()
                try await rollout.end("old-\(leaving)")
                let successor = try #require(try await rollout.leader())
                // Also where four of the older version stand beside one of the newer.
                if leader == "old-\(leaving)" {
                    #expect(successor.hasPrefix("new-"))
                } else {
                    #expect(successor == leader)
                }
            }
            let elections = try await rollout.bench.history().count { $0.hasPrefix("elected") }
            #expect((2...3).contains(elections), "the first one, and at most two changes")
            #expect(try await Set(rollout.present().map(\.version)) == [new])
            for replica in rollout.replicas.values { await replica.close() }
        }
    }

    /// Without anybody of the newer version, and so without anything to wait for.
    @Test("Back to the older version works as well: the last of the newer one leads to its end")
    func back() async throws {
        try await LocalRedis.withServer { server in
            var rollout = Rollout(bench: try await ElectionBench(on: server, timing: Self.timing))
            try rollout.start("new-1", version: "1.10.0")
            try await eventually("new-1 leads") { try await rollout.leader() == "new-1" }
            try rollout.start("new-2", version: "1.10.0")
            try rollout.start("old-1", version: "1.9.0")
            try await rollout.waitUntilAllKnow("old-1")
            try await rollout.end("new-1")
            #expect(try await rollout.leader() == "new-2")
            try await rollout.end("new-2")
            #expect(try await rollout.leader() == "old-1")
            for replica in rollout.replicas.values { await replica.close() }
        }
    }

    /// What another replica says of itself is a note in Redis, whoever wrote it.
    @Test("A replica that knows of a newer version leaves a free lease to it for a while, and no longer")
    func defers() async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server, timing: Self.timing)
            try await bench.send("SET", bench.keys.lease, bench.foreignLease(), "PX", "600000")
            // Nobody listens where the lease's holder would, and that is not to be what ends the waiting.
            let replica = try ElectionReplica("pod-1", bench, version: "1.9.0", detectsCrashes: false)
            // It asks once when it hears the others for the first time. That is to be over, for it does not know yet
            // whom to wait for.
            try await eventually("it hears the others") {
                try await bench.send("PUBSUB", "NUMSUB", bench.keys.released).array?.last?.int == 1
            }
            try await eventually("it is there") { try await bench.inspector.status().view.present.count == 1 }
            _ = try await bench.store("pod-2").present(bench.replicaInfo("pod-2", version: "1.10.0"))
            var rollout = Rollout(bench: bench)
            rollout.replicas = ["pod-1": replica, "pod-2": replica]
            try await rollout.waitUntilAllKnow("pod-2")
            let begin = ContinuousClock.now
            try await bench.send("DEL", bench.keys.lease)
            try await bench.send("PUBLISH", bench.keys.released, "theirs")
            _ = try await replica.elected()
            #expect(.now - begin >= Self.timing.retryDelay)
            await replica.close()
        }
    }
}

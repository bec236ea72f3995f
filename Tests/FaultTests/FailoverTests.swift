import Drills
import Faults
import Foundation
import LocalStack
import Testing

/// Redis is replaced by a replica of it that lags behind.
@Suite("Redis fails over to a replica that lacks what was done last")
struct FailoverTests {
    private static let fence = "{baton:default}:fence"

    @Test("The leader notices that writes are lost, and does them again though no row has changed")
    func theLastWritesAreLost() async throws {
        try await Cluster.with(Support.options) { cluster in
            let replica = try await cluster.startRedisReplica()
            try await cluster.settle()
            replica.fallBehind()
            try await cluster.settle()
            try await cluster.awaitWrites()
            let value = try await cluster.command("GET", "canary:1")
            #expect(try await replica.command("GET", "canary:1") != value)
            try await cluster.failOver(to: replica)
            // Nobody has touched the row since.
            try await eventually("what was lost to be written again") {
                try await cluster.command("GET", "canary:1") == value
            }
            let verdict = try await cluster.verdict()
            // A term that goes on says so; a new one compares everything in any case.
            if verdict.terms.count == 1 {
                #expect(messages(cluster).contains("redis lost data; everything is compared anew"))
            }
            try await cluster.settle()
            try await Support.expectSound(cluster, after: FaultTests.length)
        }
    }

    @Test(
        "An older term's lease comes back: its successor ends, the next epoch is above all that were, and no late batch passes"
    )
    func anOldLeaseComesBack() async throws {
        try await Cluster.with(Support.options) { cluster in
            let first = try await cluster.anyLeader()
            let replica = try await cluster.startRedisReplica()
            try await cluster.settle()
            replica.fallBehind()
            // As if the clock of this Redis were ahead: what the replica would issue by itself is lower.
            let ahead: UInt64 = 4_000_000_000_000_000
            try await cluster.command("HSET", Self.fence, "highest", "\(ahead)")
            try await cluster.suffer(.terminated, on: first, for: .zero)
            let second = try await cluster.anyLeader(but: first)
            try await cluster.awaitWrites()
            let terms = try await cluster.verdict().terms
            let lost = try #require(terms.last)
            #expect(terms.count == 2 && lost.epoch == ahead + 1 && lost.holder == second.name)
            try await eventually("the followers to know the epoch") {
                let following = cluster.recorder.history.entries.compactMap { entry -> String? in
                    guard case .log(let replica, let line) = entry.event else { return nil }
                    return line.message == "following" && line.epoch == lost.epoch ? replica : nil
                }
                return Set(following).count == cluster.replicas.count - 1
            }
            #expect(try await replica.command("HGET", Self.fence, "epoch") == "\(terms[0].epoch)")

            try await cluster.failOver(to: replica)
            try await cluster.settle()
            let next = try #require(try await cluster.verdict().terms.last)
            #expect(next.epoch > lost.epoch)
            // Whatever both terms had sent may still arrive.
            for term in [terms[0], lost] { try await deliver(of: term, to: cluster) }
            let verdict = try await cluster.verdict()
            #expect(verdict.staleWritesRefused >= 2, "\(verdict.report())")
            #expect(try await cluster.command("GET", "busy:1") != "stale")
            try await Support.expectSound(cluster, after: FaultTests.length)
        }
    }

    @Test("A leader that was frozen meanwhile is succeeded there, and does no harm when it wakes")
    func frozenMeanwhile() async throws {
        try await Cluster.with(Support.options) { cluster in
            let leader = try await cluster.anyLeader()
            let replica = try await cluster.startRedisReplica()
            try await cluster.settle()
            replica.fallBehind()
            try await cluster.awaitWrites()
            try leader.signal(SIGSTOP)
            try await cluster.failOver(to: replica)
            _ = try await cluster.anyLeader(but: leader)
            try await cluster.settle()
            try leader.signal(SIGCONT)
            let deposed = try #require(try await cluster.verdict().terms.first)
            try await deliver(of: deposed, to: cluster)
            try await cluster.settle()
            let verdict = try await cluster.verdict()
            #expect(verdict.terms.count >= 2 && verdict.staleWritesRefused >= 1, "\(verdict.report())")
            try await Support.expectSound(cluster, after: FaultTests.length)
        }
    }

    // MARK: By hand

    /// Delivers a batch of a term that is over, which continues the fence as it was in its time.
    private func deliver(of term: Verdict.Term, to cluster: Cluster) async throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/GroupState/Scripts/write.lua")
        let sequence = Int(try await cluster.command("HGET", Self.fence, "sequence")) ?? 0
        try await cluster.command(
            "EVAL", try String(contentsOf: file, encoding: .utf8), "2", Self.fence, "busy:1", "\(term.epoch)",
            term.token, "\(sequence)", "\(sequence + 1)", "S", "stale", "60000")
    }

    private func messages(_ cluster: Cluster) -> [String] {
        cluster.recorder.history.entries.compactMap { entry in
            if case .log(_, let line) = entry.event { line.message } else { nil }
        }
    }
}

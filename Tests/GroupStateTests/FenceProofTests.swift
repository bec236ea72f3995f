import CacheRefresh
import LeaderElection
import RedisClient
import TestSupport
import Testing

@testable import GroupState
@testable import RefreshRuntime

/// The fence is what makes writes safe, so its tests are tested: with a guard taken out they must fail.
@Suite("Proof that the fence is what refuses stale writes")
struct FenceProofTests {
    /// `write.lua` without some of its guards.
    enum Guards: String, CaseIterable, Sendable {
        case all, noToken, noSequence, none

        var script: RedisScript {
            var lines = WriteScript.script.source.split(separator: "\n", omittingEmptySubsequences: false)
            let token = "if fence[1] ~= ARGV[1] or fence[2] ~= ARGV[2]"
            let sequence = "if fence[3] ~= ARGV[3]"
            let removed: [String] =
                switch self {
                case .all: []
                case .noToken: [token]
                case .noSequence: [sequence]
                case .none: [token, sequence]
                }
            let before = lines.count
            lines.removeAll { line in removed.contains { line.hasPrefix($0) } }
            precondition(before - lines.count == removed.count, "write.lua no longer looks as expected")
            return RedisScript(name: "write-\(rawValue)", source: lines.joined(separator: "\n"))
        }
    }

    /// Two terms' batches come late, twice, in another order, or never. Each says who sent it and what it continues.
    ///
    /// - Returns: what must never happen.
    static func violations(_ seed: UInt64, _ bench: ScriptBench) async throws -> [String] {
        var random = SplitMix(seed: seed)
        struct Batch {
            let epoch: Int
            let token: String
            let previous: Int64
        }
        var underWay: [Batch] = []
        var ruling = (epoch: 1, token: "A", sequence: Int64(0))
        var sent: [String: Int64] = ["A": 0, "B": 0]
        var found: [String] = []
        try await bench.setFence(epoch: "1", token: "A")
        for step in 0..<150 {
            if step == 20 {
                ruling = (2, "B", 0)
                try await bench.setFence(epoch: "2", token: "B")
            }
            // A does not know when it is deposed, and goes on.
            for token in step < 20 ? ["A"] : ["A", "B"] where random.once(in: 2) {
                underWay.append(Batch(epoch: token == "A" ? 1 : 2, token: token, previous: sent[token]!))
                sent[token]! += 1
            }
            guard !underWay.isEmpty else { continue }
            let place = random.once(in: 3) ? Int.random(in: 0..<underWay.count, using: &random) : 0
            let batch = random.once(in: 4) ? underWay[place] : underWay.remove(at: place)
            if random.once(in: 12) {
                // It is lost. Whoever rules notices it one day, and sets the fence past everything ever sent.
                guard random.once(in: 2) else { continue }
                sent[ruling.token]! += 1
                ruling.sequence = sent[ruling.token]!
                try await bench.send(["HSET", bench.fenceKey, "sequence", "\(ruling.sequence)"])
                continue
            }
            let name = "\(batch.token)\(batch.previous)"
            let answer = try await bench.write(
                [.init("S", "key", [name, "90000"])], epoch: "\(batch.epoch)", token: batch.token,
                previous: batch.previous)
            let isAccepted = try await bench.world.get("key") == name && answer == .done(BatchOutcome())
            let isNext = batch.token == ruling.token && batch.previous == ruling.sequence
            if isAccepted && batch.token != ruling.token {
                found.append("stale \(name) in the term of \(ruling.token)")
            }
            if isAccepted && batch.token == ruling.token && !isNext { found.append("\(name) after \(ruling.sequence)") }
            if !isAccepted && isNext { found.append("\(name) was refused: \(answer)") }
            if isNext { ruling.sequence += 1 }
        }
        return found
    }

    @Test(
        "Late, repeated, missing, reordered and deposed batches: none is accepted out of turn",
        arguments: Guards.allCases)
    func histories(_ guards: Guards) async throws {
        try await ScriptBench.with { bench in
            var bench = bench
            bench.script = guards.script
            var found: [String] = []
            for seed in 1...12 as ClosedRange<UInt64> { found += try await Self.violations(seed, bench) }
            switch guards {
            case .all: #expect(found == [])
            case .noToken: #expect(found.contains { $0.hasPrefix("stale") })
            case .noSequence: #expect(found.contains { $0.contains("after") })
            case .none: #expect(found.contains { $0.hasPrefix("stale") } && found.contains { $0.contains("after") })
            }
        }
    }

    @Test("What a leader that was paused writes after its successor was elected", arguments: [Guards.all, .none])
    func pausedLeader(_ guards: Guards) async throws {
        let schema = "create table t (id int primary key, v text); insert into t values (1, 'first')"
        try await RefreshWorld.with(sql: schema) { world in
            let dataset = try Dataset.table("t", ["t:{id}"])
            let term = try await world.elect()
            let paused = try await world.leader(
                of: dataset, term: term, fence: try world.fence(of: term, script: guards.script))
            try await paused.tick()
            try await world.sql("update t set v = 'second'")
            // It has read, and stands still before it writes.
            let stale = try await paused.fence.send(.strings([]))
            _ = try await paused.fence.outcome(of: stale)
            let successor = try await world.leader(of: dataset)
            try await successor.tick()
            try await world.sql("update t set v = 'third'")
            try await successor.tick()
            let late = try await paused.fence.send(.strings([("t:1", #"{"id": 1, "v": "second"}"#)]))
            let wasAccepted = (try? await paused.fence.outcome(of: late)) != nil
            #expect(wasAccepted == (guards == .none))
            #expect(try await world.differences(in: "t", prefix: "t:").isEmpty == (guards == .all))
        }
    }
}

import LeaderElection
import RedisClient
import Testing

@testable import Daemon

/// What `fsck` finds in the group's own keys, and mends.
@Suite struct KeyCheckTests {
    /// A group whose keys are all there, and right.
    private func healthy() async throws -> ElectionBench {
        let bench = try await ElectionBench.onSharedRedis()
        _ = try await bench.store(deployment: "1/app/\(bench.group)").acquire(.random(), floor: .zero)
        _ = try await bench.store().present(bench.presence("pod-1"))
        return bench
    }

    @Test func nothingIsFoundWhereNothingIsWrong() async throws {
        let bench = try await healthy()
        let check = try await bench.inspector.checkKeys()
        #expect(check.faults.isEmpty && check.status == .done)
        #expect(check.text(TextLayout()).contains("No fault was found."))
        let empty = try await ElectionBench.onSharedRedis()
        #expect(try await empty.inspector.checkKeys().faults.isEmpty)
    }

    /// Each with what it does to the keys, and what is said; `*` stands for the lease's key, `+` for another one.
    static let faults: [(key: String, spoil: [[String]], says: String)] = [
        ("lease", [["DEL", "*"], ["LPUSH", "*", "x"]], "it is a list, not a string"),
        ("lease", [["SET", "*", "garbage", "PX", "60000"]], "holds something that is no lease"),
        ("lease", [["PERSIST", "*"]], "never runs out"),
        ("fence", [["DEL", "*"], ["SET", "*", "x"]], "it is a string, not a hash"),
        ("fence", [["PEXPIRE", "*", "60000"]], "it has a TTL"),
        ("marks", [["HSET", "*", "d", "m"], ["PEXPIRE", "*", "60000"]], "it has a TTL"),
        ("events", [["DEL", "*"], ["SET", "*", "x"]], "it is a string, not a stream"),
        ("suspect", [["SET", "*", "t alive"]], "never runs out"),
        ("wishes", [["SET", "*", "x"]], "it is a string, not a hash"),
        ("wishes", [["HSET", "*", "pause", "garbage"]], "can't be read"),
        ("wishes", [["HSET", "*", "step-down", #"{"format":2}"#]], "of a newer form"),
        ("replicas", [["DEL", "*"], ["SET", "*", "x"]], "it is a string, not a hash"),
    ]

    @Test(arguments: faults.indices) func aFaultIsFoundAndMended(_ number: Int) async throws {
        let (name, spoil, says) = Self.faults[number]
        let bench = try await healthy()
        let key = "staging:{baton:\(bench.group)}:\(name)"
        for words in spoil {
            _ = try await bench.connection.send(RedisCommand(words.map { $0 == "*" ? key : $0 }))
        }
        let inspector = try bench.inspector
        let check = try await inspector.checkKeys()
        #expect(check.faults.count == 1 && check.status == .no)
        #expect(check.faults.first?.key == key && check.faults.first?.text.contains(says) == true)
        let words = check.text(TextLayout()).split { $0.isWhitespace }.joined(separator: " ")
        #expect(words.contains(says))
        try await inspector.repair(check.repairable)
        #expect(try await inspector.checkKeys().faults.isEmpty)
        // Somebody can be elected, at the latest when the lease has run out.
        try await bench.send("DEL", bench.keys.lease)
        _ = try await bench.store("pod-2").acquire(.random(), floor: .zero).answer.granted()
    }

    @Test func whatAPersonMustDecideIsNotMended() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(deployment: "1/other/g"), "PX", "60000")
        let check = try await bench.inspector.checkKeys()
        #expect(check.faults.count == 1 && check.repairable.isEmpty)
        #expect(check.faults.first?.text.contains("another deployment") == true)
    }
}

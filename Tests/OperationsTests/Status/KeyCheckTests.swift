import LeaderElection
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import Operations

/// What `fsck` finds in the group's own keys, and mends.
@Suite struct KeyCheckTests {
    /// A group whose keys are all there, and right.
    private func healthy() async throws -> ElectionBench {
        let bench = try await ElectionBench.onSharedRedis()
        _ = try await bench.store(deployment: "1/app/\(bench.group)").acquire(.random(), floor: .zero)
        _ = try await bench.store().present(bench.replicaInfo("pod-1"))
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
        ("requests", [["SET", "*", "x"]], "it is a string, not a hash"),
        ("requests", [["HSET", "*", "pause", "garbage"]], "can't be read"),
        ("requests", [["HSET", "*", "step-down", #"{"format":2}"#]], "of a newer form"),
        ("replicas", [["DEL", "*"], ["SET", "*", "x"]], "it is a string, not a hash"),
        (
            "lease", [["SET", "*", Self.lease(since: "9223372036854775807"), "PX", "60000"]],
            "holds something that is no lease"
        ),
        ("lease", [["SET", "*", Self.lease(epoch: "9e300"), "PX", "60000"]], "holds something that is no lease"),
        ("fence", [["HSET", "*", "highest", "9e300"]], "is no number from 0 to 2^52"),
        ("fence", [["HSET", "*", "highest", "nan"]], "is no number from 0 to 2^52"),
        ("requests", [["HSET", "*", "pause", #"{"format":1,"until":9e300}"#]], "can't be read"),
        ("requests", [["HSET", "*", "pause", #"{"format":1,"until":"9e300"}"#]], "can't be read"),
        (
            "requests", [["HSET", "*", "pause", #"{"format":1,"until":"1800000000000000","by":"\ud800"}"#]],
            "can't be read"
        ),
        ("requests", [["HSET", "*", "pause", Self.longPause]], "can't be read"),
        ("requests", [["HSET", "*", "reserved", "\(String(repeating: "9", count: 300)) pod-7"]], "can't be read"),
        ("replicas", [["HSET", "*", "x", Self.note(seen: "-9223372036854775808")]], "what replica `x` says of itself"),
        (
            "replicas", [["HSET", "*", "x", Self.note(started: "-9223372036854775808")]],
            "what replica `x` says of itself"
        ),
        ("replicas", [["HSET", "*", "x", Self.note(started: "9e300")]], "what replica `x` says of itself"),
        ("statistics", [["SET", "*", Self.statistics("1e300"), "PX", "60000"]], "statistics that no leader writes"),
        ("statistics", [["SET", "*", Self.statistics("-1"), "PX", "60000"]], "statistics that no leader writes"),
    ]

    /// Longer than a note of ours can be.
    private static let longPause =
        #"{"format":1,"until":"4000000000000000","by":"b","reason":"\#(String(repeating: "x", count: 20_000))"}"#

    private static func lease(epoch: String = "500", since: String = "1790000000000") -> String {
        #"{"format":1,"epoch":"\#(epoch)","token":"t","holder":"pod-9","since":"\#(since)","deployment":"1/app/g"}"#
    }

    private static func note(seen: String = "1790000000000", started: String = "1") -> String {
        #"{"format":1,"seen":"\#(seen)","name":"pod-9","started":"\#(started)"}"#
    }

    private static func statistics(_ figure: String) -> String {
        #"{"format":1,"epoch":"1","datasets":{"a":{"passes":1,"failures":0,"databaseQueriesPerSecond":1,"#
            + #""redisWritesPerSecond":\#(figure)}}}"#
    }

    @Test(arguments: faults.indices) func aFaultIsFoundAndMended(_ number: Int) async throws {
        let (name, spoil, says) = Self.faults[number]
        let bench = try await healthy()
        let key = "staging:{baton:\(bench.group)}:\(name)"
        for words in spoil {
            _ = try await bench.connection.send(RedisCommand(words.map { $0 == "*" ? key : $0 }))
        }
        let inspector = try bench.inspector
        // Whatever it is, it can be looked at. (Of another type it is said so instead.)
        if !says.contains(", not a "), key != bench.keys.lease {
            let report = try await inspector.status()
            #expect(!report.json.isEmpty && report.view.leader != nil)
            #expect(
                report.text(TextLayout()).words.contains("can't be read") == report.view.unreadable.contains(key),
                "\(says)")
        }
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

    /// What anybody may have written keeps nobody from being elected, and from renewing.
    @Test func nobodyIsStoppedByStatisticsOutOfRange() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let huge = String(repeating: "9", count: 300)
        for (key, field, value) in [
            (bench.keys.fence, "highest", "9e300"), (bench.keys.fence, "epoch", "nan"),
            (bench.keys.fence, "sequence", huge),
            (bench.keys.requests, "pause", #"{"format":1,"until":9e300}"#),
            (bench.keys.requests, "reserved", "\(huge) pod-7"),
            (bench.keys.requests, "step-down", #"{"format":1,"epoch":9e300,"by":[1],"reason":{}}"#),
            (bench.keys.replicas, "x", Self.note(seen: "nan")), (bench.keys.replicas, "y", Self.note(seen: huge)),
            (bench.keys.replicas, "z", String(repeating: "x", count: 2 << 20)),
        ] {
            try await bench.send("HSET", key, field, value)
        }
        let store = try bench.store("pod-1", deployment: "1/app/\(bench.group)")
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        #expect(lease.epoch < .max)
        #expect(try await store.renew(lease).requests == LeaderRequests())
        try await bench.send("HSET", bench.keys.requests, "pause", Self.longPause)
        #expect(try await store.renew(lease).requests == LeaderRequests())
        #expect(try await store.present(bench.replicaInfo("pod-1")).replicas.map(\.name) == ["pod-1"])
        let inspector = try bench.inspector
        #expect(try await inspector.resume(Requester(name: "anna", reason: ""), RequestProgress { _ in }) == .done)
        try await inspector.repair(inspector.checkKeys().repairable)
        #expect(try await inspector.checkKeys().faults.isEmpty)
        _ = try await store.resign(lease, .shutdown)
    }

    /// Whoever can write into the group's keys can't fill the memory of those who ask about the lease.
    @Test func noAnswerAboutTheLeaseIsLong() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let time = try #require(try await bench.connection.send(RedisCommand("TIME")).array?.first?.string)
        let note =
            #"{"format":1,"seen":"\#(time)000","name":"\#(String(repeating: "x", count: 4000))","started":"1"}"#
        for id in 1...300 { try await bench.send("HSET", bench.keys.replicas, "\(id)", note) }
        let store = try bench.store("pod-1", deployment: "1/app/\(bench.group)")
        await #expect(throws: LeaseError.self) { try await store.present(bench.replicaInfo("pod-1")) }
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        _ = try await store.resign(lease, .shutdown)
    }

    /// A name is what it is, whatever scalars are in it.
    @Test(arguments: ["pod\u{81}", "pod\u{7F}\u{FFFF}", "quote\"\u{301}d", "😀", "{\"a\":1}"])
    func aLeaseIsHealthyWhateverItsHoldersName(_ name: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store(name, deployment: "1/app/\(bench.group)")
        _ = try await store.acquire(.random(), floor: .zero)
        #expect(
            try await store.present(bench.replicaInfo(name)).replicas.map { Array($0.name.utf8) } == [Array(name.utf8)])
        let report = try await bench.inspector.status()
        #expect(report.status == .done)
        #expect(report.view.leader.map { Array($0.name.utf8) } == Array(name.utf8))
        let check = try await bench.inspector.checkKeys()
        #expect(check.faults.isEmpty && check.repairable.isEmpty)
    }

    /// What is no text is no absence.
    @Test func aLeaseThatIsNoTextIsNotTakenForNone() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        _ = try await bench.connection.send(
            RedisCommand([
                Array("SET".utf8), Array(bench.keys.lease.utf8), [0xFF, 0xFE], Array("PX".utf8), Array("60000".utf8),
            ]))
        #expect(try await bench.inspector.status().view.leaseIsGarbage)
        #expect(try await bench.inspector.checkKeys().repairable.map(\.key) == [bench.keys.lease])
    }

    @Test func whatAPersonMustDecideIsNotMended() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(deployment: "1/other/g"), "PX", "60000")
        let check = try await bench.inspector.checkKeys()
        #expect(check.faults.count == 1 && check.repairable.isEmpty)
        #expect(check.faults.first?.text.contains("another deployment") == true)
    }
}

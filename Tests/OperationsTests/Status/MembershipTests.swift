import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import Operations

/// Who is there, and who should be elected first.
@Suite struct MembershipTests {
    static func replicaInfo(
        _ name: String, version: String = "1.0.0", revision: String = "r1", started: Int64 = 0, seen: Int64 = 100_000
    ) -> ReplicaInfo {
        var replicaInfo = ReplicaInfo(
            id: "id-\(name)", name: name, version: version, revision: revision, startedMilliseconds: started)
        replicaInfo.seenMilliseconds = seen
        return replicaInfo
    }

    static func isOutdated(_ replicaInfo: ReplicaInfo, among others: [ReplicaInfo]) -> Bool {
        Membership(nowMilliseconds: 100_000, replicas: [replicaInfo] + others).isOutdated(replicaInfo)
    }

    @Test func equalsCompeteAtOnce() {
        #expect(!Self.isOutdated(Self.replicaInfo("a"), among: [Self.replicaInfo("b", started: 50)]))
        #expect(!Self.isOutdated(Self.replicaInfo("a"), among: []))
    }

    @Test(arguments: [("0.9.9", "0.10.0"), ("1.0.0", "1.0.1"), ("1.9", "1.10"), ("1.0.0-rc1", "1.0.0-rc2")])
    func aNewerVersionGoesFirst(_ old: String, _ new: String) {
        let (left, right) = (
            Self.replicaInfo("a", version: old, started: 9), Self.replicaInfo("b", version: new, started: 1)
        )
        #expect(Self.isOutdated(left, among: [right]) && !Self.isOutdated(right, among: [left]))
    }

    @Test func ofOneVersionTheRevisionThatCameLaterGoesFirst() {
        let old = [Self.replicaInfo("a", started: 1), Self.replicaInfo("b", started: 5)]
        let new = [Self.replicaInfo("c", revision: "r2", started: 9)]
        for replicaInfo in old { #expect(Self.isOutdated(replicaInfo, among: old + new)) }
        #expect(!Self.isOutdated(new[0], among: old))
        // One of the older revision that restarts is not taken for newer.
        let restarted = Self.replicaInfo("a", started: 20)
        #expect(Self.isOutdated(restarted, among: [old[1]] + new))
    }

    @Test func whoWasNotSeenLatelyCountsForNothing() {
        #expect(!Self.isOutdated(Self.replicaInfo("a"), among: [Self.replicaInfo("b", version: "2.0.0", seen: 93_000)]))
        #expect(Self.isOutdated(Self.replicaInfo("a"), among: [Self.replicaInfo("b", version: "2.0.0", seen: 95_000)]))
    }

    @Test func replicasSayThatTheyAreThere() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        var mine = bench.replicaInfo("pod \"1\" {ü}", version: "1.2.3", revision: "abc")
        (mine.state, mine.epoch, mine.pause) = ("leader", "77", .pausing)
        (mine.ability, mine.missing, mine.gaveUpMilliseconds) = (
            .unable, ["postgres", "cache"], [7, 1_790_000_000_000]
        )
        _ = try await store.present(mine)
        let found = try await store.present(bench.replicaInfo("pod-2"))
        #expect(found.present.map(\.name).sorted() == ["pod \"1\" {ü}", "pod-2"])
        var seen = try #require(found.replicas.first { $0.id == mine.id })
        #expect(abs(seen.seenMilliseconds - found.nowMilliseconds) < 20_000)
        seen.seenMilliseconds = 0
        #expect(seen == mine)
        await store.leave(mine)
        #expect(try await store.present(bench.replicaInfo("pod-2")).replicas.count == 1)
    }

    @Test func whatAReplicaCannotReachIsShown() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        var mine = bench.replicaInfo("pod-1")
        (mine.ability, mine.missing) = (.unable, ["postgres"])
        _ = try await bench.store().present(mine)
        let report = try await bench.inspector.status()
        #expect(report.text(TextLayout()).contains("unable    pod-1 cannot work: nothing comes from postgres"))
        #expect(report.json.filter { !$0.isWhitespace }.contains(#""missing":["postgres"]"#))
    }

    @Test func notesThatAreOldOrDamagedAreForgotten() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let now = (try await bench.send("TIME").array?.first?.int ?? 0) * 1000
        try await bench.send(
            "HSET", bench.keys.replicas, "old", #"{"format":1,"name":"old","seen":"\#(now - 3_700_000)"}"#, "odd",
            "text",
            "lately", #"{"format":1,"name":"lately","seen":"\#(now - 60_000)","colour":"green"}"#)
        let found = try await bench.store().present(bench.replicaInfo("pod-1"))
        #expect(found.replicas.map(\.name).sorted() == ["lately", "pod-1"])
        #expect(found.present.map(\.name) == ["pod-1"])
        #expect(try await bench.send("HLEN", bench.keys.replicas).int == 2)
    }

    @Test func aKeyOfAnotherTypeIsSaidSo() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.replicas, "text")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().present(bench.replicaInfo("pod-1"))
        }
        #expect(error?.detail == "\(bench.keys.replicas) is a string, not a hash")
    }
}

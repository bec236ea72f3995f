import GroupState
import LeaderElection
import NIOPosix
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime

/// What a replica concludes from what the others say of themselves. Nothing is asked: no Redis runs.
@Suite struct GroupMembershipTests {
    private struct NoWork: TermWork {
        func lead(_ term: LeadershipTerm) async {}
    }

    private static let now: Int64 = 1_790_000_100_000

    private static func info(
        _ name: String, version: String = "1.0.0", _ ability: ReplicaInfo.Ability = .untried, gaveUp: Int64? = nil
    ) -> ReplicaInfo {
        var info = ReplicaInfo(
            id: "id-of-\(name)", name: name, version: version, revision: "r1", startedMilliseconds: now - 60_000)
        info.ability = ability
        info.seenMilliseconds = now
        info.gaveUpMilliseconds = gaveUp.map { [$0] } ?? []
        return info
    }

    private static func own(_ ability: ReplicaInfo.Ability = .untried) throws -> GroupMembership {
        let store = LeaseStore(
            redis: RedisConfiguration(url: try RedisURL("redis://127.0.0.1:1")),
            keys: GroupKeys(prefix: "", group: "test"), holder: "own", deployment: "test", timing: .standard,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: ElectionBench.quiet)
        return GroupMembership(
            info("own", ability), store: store, work: NoWork(), incapacity: .standard)
    }

    private static func members(_ others: ReplicaInfo...) -> Membership {
        Membership(nowMilliseconds: now, replicas: [info("own")] + others)
    }

    @Test(
        "Who is to lead next is read whatever its name begins with",
        arguments: [("token", nil), ("token pod 1", "pod 1"), ("token \u{301}pod", "\u{301}pod")])
    func heirs(message: String, name: String?) {
        #expect(GroupChannels.heir(in: Array(message.utf8)).map { Array($0.utf8) } == name.map { Array($0.utf8) })
    }

    @Test func whoeverShouldNotLeadWaitsLonger() throws {
        let timing = ElectionTiming.standard
        let delay = { try Self.own($0).candidacyDelay($1) }
        #expect(try delay(.untried, Self.members(Self.info("other"))) == .zero)
        #expect(try delay(.untried, Self.members(Self.info("newer", version: "1.1.0"))) == timing.retryDelay)
        #expect(try delay(.unable, Self.members(Self.info("other"))) == timing.renewEvery)
        #expect(try delay(.unable, Self.members(Self.info("other", .unable))) == .zero)
        #expect(try delay(.unable, Self.members()) == .zero)
    }

    @Test func aLeaderThatCannotWorkLeavesToOneThatCan() throws {
        let (able, newer) = (Self.info("able", .able), Self.info("newer", version: "1.1.0", .able))
        let obstacle = { Obstacle(missing: ["postgres"], since: .now - $0) }
        let long = obstacle(Incapacity.standard.patience)
        func heir(_ obstacle: Obstacle, _ others: ReplicaInfo...) throws -> String? {
            try Self.own(.unable).heir(
                of: obstacle, Membership(nowMilliseconds: Self.now, replicas: [Self.info("own")] + others))
        }
        #expect(try heir(long, able) == "able")
        #expect(try heir(long, able, newer) == "newer")
        #expect(try heir(obstacle(.seconds(1)), able) == nil)
        #expect(try heir(long, Self.info("untried")) == nil)
        #expect(try heir(long, Self.info("unable", .unable)) == nil)
        // Another left for the same reason a moment ago.
        #expect(try heir(long, able, Self.info("former", gaveUp: Self.now - 1000)) == nil)
        #expect(try heir(long, able, Self.info("former", gaveUp: Self.now + 1000)) == "able")
    }
}

import CacheRefresh
import LeaderElection
import LocalStack
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import RefreshRuntime

@Suite("A leader's hold on a target")
struct FenceTests {
    // MARK: The chain

    @Test("Batches are accepted in the order in which they were handed over, several in flight")
    func pipelined() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let fence = try world.fence(of: await world.elect())
            var sent: [Fence.Sent] = []
            for number in 1...50 { sent.append(try await fence.send(.strings([("key", "\(number)")]))) }
            for batch in sent { #expect(try await fence.outcome(of: batch) == BatchOutcome()) }
            #expect(try await world.get("key") == "50")
            #expect(await fence.losses == 0)
        }
    }

    @Test("Several callers share one chain")
    func concurrent() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let fence = try world.fence(of: await world.elect())
            try await withThrowingTaskGroup { group in
                for caller in 1...8 {
                    group.addTask {
                        for number in 1...20 {
                            let sent = try await fence.send(.strings([("caller:\(caller)", "\(number)")]))
                            _ = try await fence.outcome(of: sent)
                        }
                    }
                }
                try await group.waitForAll()
            }
            for caller in 1...8 { #expect(try await world.get("caller:\(caller)") == "20") }
        }
    }

    /// Sends this until it is accepted: a busy machine may take longer for it than the fence waits.
    private func insist(_ key: String, _ value: String, _ fence: Fence, _ world: RefreshWorld) async throws {
        try await world.wait(until: "a batch is accepted") {
            do {
                _ = try await fence.outcome(of: fence.send(.strings([(key, value)])))
                return true
            } catch is Fence.Failure { return false }
        }
    }

    /// What may come between batches that are under way.
    enum Trouble: String, CaseIterable, Sendable {
        case scriptsForgotten, connectionKilled, pause

        func strike(_ world: RefreshWorld, _ admin: RedisClient) async throws {
            switch self {
            case .scriptsForgotten: _ = try await admin.send(RedisCommand("SCRIPT", "FLUSH"))
            case .connectionKilled: _ = try await admin.send(RedisCommand("CLIENT", "KILL", "TYPE", "normal"))
            case .pause: _ = try await admin.send(RedisCommand("CLIENT", "PAUSE", "700", "WRITE"))
            }
        }
    }

    @Test(
        "After trouble nothing is lost, repeated or out of order, and nobody believes that data was lost",
        arguments: Trouble.allCases)
    func trouble(_ trouble: Trouble) async throws {
        try await RefreshWorld.onRedisOnly(redis: .init()) { world in
            let term = try await world.elect()
            let fence = Fence(
                keys: world.keys, deployment: "test", term: term, redis: try world.makeClient(),
                logger: RefreshWorld.quiet,
                timeout: .milliseconds(300))
            let admin = try world.makeClient()
            try await insist("number", "0", fence, world)
            var strikes = 0
            // As a leader does it: whatever was not acknowledged, and all that was sent behind it, is sent again.
            var next = 1
            while next <= 40 {
                var sent: [(number: Int, Fence.Sent)] = []
                do {
                    for number in next..<min(next + 4, 41) {
                        sent.append(
                            (number, try await fence.send(.strings([("number", "\(number)"), ("n:\(number)", "x")]))))
                        if number % 15 == 6 && strikes * 15 < number {
                            strikes += 1
                            try await trouble.strike(world, admin)
                        }
                    }
                } catch is Fence.Failure {}
                var hasFailed = false
                for (number, batch) in sent {
                    do {
                        _ = try await fence.outcome(of: batch)
                        if !hasFailed { next = number + 1 }
                    } catch is Fence.Failure {
                        hasFailed = true
                    }
                }
            }
            #expect(strikes == 3)
            #expect(try await world.get("number") == "40")
            #expect(try await world.keyNames().count == 41)
            #expect(await fence.losses == 0)
        }
    }

    @Test(
        "A Redis that hangs longer than a batch may take is given up: the outcome is unknown, the next batch finds its way"
    )
    func hanging() async throws {
        try await RefreshWorld.onRedisOnly(redis: .init()) { world in
            let fence = Fence(
                keys: world.keys, deployment: "test", term: try await world.elect(), redis: try world.makeClient(),
                logger: RefreshWorld.quiet, timeout: .seconds(1))
            try await insist("key", "1", fence, world)
            try world.redisServer.signal(19)  // SIGSTOP
            let sent = try await fence.send(.strings([("key", "2")]))
            let failure = await #expect(throws: Fence.Failure.self) { try await fence.outcome(of: sent) }
            guard case .redis(let error) = failure else { throw RefreshWorld.Unexpected("\(failure as Any)") }
            #expect(error.code == .timeout && error.delivery == .unknown)
            try world.redisServer.signal(18)  // SIGCONT
            try await insist("key", "3", fence, world)
            #expect(try await world.get("key") == "3")
            #expect(await fence.losses == 0)
        }
    }

    // MARK: Somebody else leads

    @Test("A deposed leader's batch is refused, and it is told which epoch rules; its fence is never raised again")
    func deposed() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let fence = try world.fence(of: await world.elect())
            _ = try await fence.outcome(of: fence.send(.strings([("key", "old")])))
            let successor = try await world.elect()
            let failure = await #expect(throws: Fence.Failure.self) {
                try await fence.outcome(of: fence.send(.strings([("key", "stale")])))
            }
            guard case .fenced(let epoch) = failure else { throw RefreshWorld.Unexpected("\(failure as Any)") }
            #expect(epoch == "\(successor.epoch)")
            #expect(Problem(failure!).castsDoubtOnLease)
            for _ in 1...2 {
                let next = await #expect(throws: Fence.Failure.self) { try await fence.verify() }
                guard case .leaseLost = next else { throw RefreshWorld.Unexpected("\(next as Any)") }
            }
            #expect(try await world.get("key") == "old")
            #expect(try await world.command("HGET", world.keys.fence, "epoch").string == "\(successor.epoch)")
        }
    }

    @Test("A term that is over sends nothing")
    func termOver() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let term = try await world.elect()
            let fence = try world.fence(of: term)
            _ = try await fence.outcome(of: fence.send(.strings([("key", "1")])))
            term.end(.leaseGone)
            await #expect(throws: Fence.Failure.self) { try await fence.send(.strings([("key", "2")])) }
            #expect(try await world.command("HGET", world.keys.fence, "sequence").string == "2")
        }
    }

    // MARK: A target that does not hold the lease

    /// What a target's fence was, and whether this term, of epoch 7 and token `mine`, may raise it.
    struct Target: Sendable, CustomTestStringConvertible {
        let fence: [String]
        let isRaised: Bool
        var observed: String?
        init(_ fence: [String], raised: Bool, observed: String? = nil) {
            (self.fence, isRaised, self.observed) = (fence, raised, observed)
        }
        var testDescription: String { "\(fence) → \(isRaised)" }
    }

    @Test(
        "A target's fence is raised, never lowered",
        arguments: [
            Target([], raised: true),
            Target(["epoch", "6", "token", "old", "sequence", "900"], raised: true),
            Target(["epoch", "6", "token", "old", "sequence", "900", "highest", "6"], raised: true),
            Target(["epoch", "7", "token", "mine", "sequence", "0"], raised: true),
            Target(["epoch", "8", "token", "new", "sequence", "0"], raised: false, observed: "8"),
            Target(["epoch", "6", "token", "old", "sequence", "0", "highest", "9"], raised: false, observed: "9"),
            Target(["epoch", "7", "token", "other", "sequence", "0"], raised: false, observed: "7"),
        ])
    func target(_ test: Target) async throws {
        try await RefreshWorld.onRedisOnly { world in
            if !test.fence.isEmpty {
                try await world.command(["HSET", world.keys.fence] + test.fence)
            }
            let (term, observed) = Self.targetTerm(confirming: true)
            let fence = Fence(
                keys: world.keys, deployment: nil, term: term, redis: try world.makeClient(), logger: RefreshWorld.quiet
            )
            if test.isRaised {
                _ = try await fence.outcome(of: fence.send(.strings([("key", "1")])))
                #expect(try await world.get("key") == "1")
                #expect(try await world.command("HGET", world.keys.fence, "token").string == "mine")
            } else {
                let failure = await #expect(throws: Fence.Failure.self) {
                    try await fence.send(.strings([("key", "1")]))
                }
                guard case .outranked(let epoch) = failure else { throw RefreshWorld.Unexpected("\(failure as Any)") }
                #expect("\(epoch)" == test.observed)
                #expect(try await world.get("key") == nil)
                #expect(try await world.command("HGET", world.keys.fence, "token").string == test.fence[3])
            }
            #expect(observed() == test.observed)
        }
    }

    @Test("A target's fence is left alone where the lease is not confirmed first")
    func unconfirmed() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let (term, _) = Self.targetTerm(confirming: false)
            let fence = Fence(
                keys: world.keys, deployment: nil, term: term, redis: world.redis, logger: RefreshWorld.quiet)
            await #expect(throws: Fence.Failure.self) { try await fence.verify() }
            let exists = try await world.command("EXISTS", world.keys.fence)
            #expect(exists.int == 0)
        }
    }

    @Test("A target that lost its data is noticed when the chain is mended")
    func targetLoss() async throws {
        try await RefreshWorld.onRedisOnly(redis: .init()) { world in
            let (term, _) = Self.targetTerm(confirming: true)
            let fence = Fence(
                keys: world.keys, deployment: nil, term: term, redis: try world.makeClient(), logger: RefreshWorld.quiet
            )
            _ = try await fence.outcome(of: fence.send(.strings([("key", "1")])))
            try await world.redisServer.restart()
            try await world.wait(until: "the loss is noticed although nothing is sent") {
                try? await fence.verify()
                return await fence.losses == 1
            }
            _ = try await fence.outcome(of: fence.send(.strings([("key", "2")])))
            #expect(await fence.losses == 1)
        }
    }

    /// A term of epoch 7, and the highest epoch that it was told of.
    static func targetTerm(confirming: Bool) -> (LeadershipTerm, @Sendable () -> String?) {
        let lease = Lease(text: "", epoch: Epoch(7)!, token: Token("mine")!, holder: "", sinceMilliseconds: 0)
        let news = News()
        let term = LeadershipTerm(lease: lease, deadline: .now + .seconds(600)) { news.tell($0, confirming) }
        news.term.withLock { $0 = term }
        return (term, { news.observed.withLock { $0 } })
    }

    /// Stands in for the election.
    private final class News: Sendable {
        let term = Mutex<LeadershipTerm?>(nil)
        let observed = Mutex<String?>(nil)

        func tell(_ news: TermReport.News, _ confirming: Bool) {
            switch news {
            case .writeRefused:
                let term = term.withLock { $0 }
                if confirming { term?.renew(nil) } else { term?.end(.leaseGone) }
            case .observed(let epoch): observed.withLock { $0 = "\(epoch)" }
            case .stoppedSending, .obstacleChanged: break
            }
        }
    }
}

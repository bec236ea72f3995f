import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState

/// A Redis in trouble: what still works, and what is said about what does not.
@Suite struct StoreTroubleTests {
    @Test func aFullRedisStillElects() async throws {
        try await LocalRedis.withServer { redis in
            let bench = try await ElectionBench(on: redis)
            try await bench.send("CONFIG", "SET", "maxmemory", "1")
            // The test of the test: an ordinary write is refused.
            let refused = await #expect(throws: RedisError.self) { try await bench.send("SET", "x", "y") }
            #expect(refused?.serverError?.kind == .outOfMemory)

            let store = try bench.store()
            let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
            #expect(try await store.renew(lease).answer == .renewed)
            try await bench.send("DEL", bench.keys.fence)
            let synced = try FenceSync.answer(
                await bench.connection.run(
                    FenceSync.atLease(bench.keys, lease, next: 3, deployment: ElectionBench.deployment)))
            #expect(synced == .synced(was: nil))
            #expect(try await store.resign(lease, .shutdown))
            #expect(try await bench.history() == ["elected lease-free", "resigned shutdown"])
            let next = try await store.acquire(.random(), floor: .zero).answer.granted()
            let raised = try FenceSync.answer(
                await bench.connection.run(FenceSync.atTarget(bench.keys, next, next: 1)))
            #expect(raised != .late)
        }
    }

    @Test func aReadOnlyRedisElectsNobody() async throws {
        try await LocalRedis.withServer { redis in
            let bench = try await ElectionBench(on: redis)
            let store = try bench.store()
            let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
            try await bench.send("REPLICAOF", "127.0.0.1", "1")
            let renewing = await #expect(throws: LeaseError.self) { _ = try await store.renew(lease) }
            #expect(renewing?.remedy == .reconnect)
            try await bench.send("REPLICAOF", "NO", "ONE")
            try await bench.send("DEL", bench.keys.lease)
            try await bench.send("REPLICAOF", "127.0.0.1", "1")
            let acquiring = await #expect(throws: LeaseError.self) {
                _ = try await store.acquire(.random(), floor: .zero)
            }
            #expect(acquiring?.remedy == .reconnect)
            #expect(try await bench.leaseText() == nil)
        }
    }

    @Test func aForgottenScriptIsSentAgain() async throws {
        try await LocalRedis.withServer { redis in
            let bench = try await ElectionBench(on: redis)
            let store = try bench.store()
            let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
            #expect(try await store.renew(lease).answer == .renewed)
            try await bench.send("SCRIPT", "FLUSH")
            #expect(try await store.renew(lease).answer == .renewed)
        }
    }

    @Test func refusedUsersAreTold() async throws {
        var options = LocalRedis.Options()
        options.aclLines = ["poor on >secret ~* &* +ping", "rich on >secret ~* &* +@all"]
        try await LocalRedis.withServer(options) { redis in
            let bench = try await ElectionBench(on: redis)
            func error(_ user: String) async throws -> LeaseError? {
                let url = "redis://\(user)@127.0.0.1:\(redis.port)/0"
                return await #expect(throws: LeaseError.self) {
                    _ = try await bench.store(url: url).acquire(.random(), floor: .zero)
                }
            }
            #expect(try await error("rich:wrong")?.remedy == .repair)
            let poor = try #require(try await error("poor:secret"))
            #expect(poor.remedy == .repair && poor.message.contains("ACL"))
            #expect(!poor.description.contains("secret"))
        }
    }

    @Test func anAbsentRedisIsRetried() async throws {
        let port = try freePort()
        let bench = try await ElectionBench.onSharedRedis()
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store(url: "redis://127.0.0.1:\(port)").acquire(.random(), floor: .zero)
        }
        #expect(error?.remedy == .retry)
    }

    @Test(arguments: [
        ("LOADING", LeaseError.Remedy.retry), ("OOM", .retry), ("MISCONF", .retry), ("BUSY", .retry),
        ("NOREPLICAS", .retry), ("TRYAGAIN", .retry), ("NOSCRIPT", .retry), ("READONLY", .reconnect),
        ("MASTERDOWN", .reconnect), ("NOAUTH", .reconnect), ("WRONGPASS", .repair), ("NOPERM", .repair),
        ("MOVED", .repair), ("CLUSTERDOWN", .repair), ("ERR", .repair),
    ])
    func errorsOfRedisAreClassed(_ prefix: String, _ remedy: LeaseError.Remedy) {
        let server = RedisServerError(prefix: prefix, message: "text")
        let error = LeaseError(
            RedisError(code: .server(server), delivery: .rejected, message: "m", underlying: "u"))
        #expect(error.remedy == remedy)
    }

    @Test(arguments: [
        RedisValue.null, .integer(1), .array([]), .array([.integer(1)]), .array([.bytes(Array("WHAT".utf8))]),
        .array([.bytes(Array("TAKEN".utf8))]),
    ])
    func whatIsNoAnswerIsAnError(_ value: RedisValue) {
        #expect(throws: LeaseError.self) { try FenceSync.answer(value) }
    }
}

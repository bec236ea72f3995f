import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState

@Suite struct AcquireScriptTests {
    @Test func aFreeLeaseIsTaken() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let before = try await bench.send("TIME").array?.first?.int ?? 0
        let token = Token.random()
        let lease = try await bench.store("pod \"1\" {ü}").acquire(token, floor: .zero).answer.granted()

        #expect(lease.epoch.number >= before * 1_000_000)
        #expect(lease.token == token && lease.holder == "pod \"1\" {ü}")
        #expect(lease.sinceMilliseconds >= before * 1000)
        #expect(try await bench.leaseText() == lease.text)
        #expect(lease.text.contains("\"epoch\":\"\(lease.epoch)\""))
        #expect((40_000...60_000).contains(try await bench.send("PTTL", bench.keys.lease).int ?? 0))
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(token)", "0", "\(lease.epoch)"])
        #expect(try await bench.send("PTTL", bench.keys.fence) == .integer(-1))
        #expect(try await bench.history() == ["elected lease-free"])
    }

    @Test func aTakenLeaseIsLeftAlone() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let lease = try await bench.store("pod-1").acquire(.random(), floor: .zero).answer.granted()
        let fence = try await bench.fence()
        guard
            case .taken(let seen, let remaining) = try await bench.store("pod-2").acquire(.random(), floor: .zero)
                .answer
        else {
            Issue.record("the lease was given away twice")
            return
        }
        #expect(seen == lease)
        #expect(remaining > .seconds(40) && remaining <= .seconds(60))
        #expect(try await bench.leaseText() == lease.text)
        #expect(try await bench.fence() == fence)
        #expect(try await bench.history().count == 1)
    }

    @Test func ourOwnLeaseIsAdopted() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let (store, token) = (try bench.store(), Token.random())
        let lease = try await store.acquire(token, floor: .zero).answer.granted()
        try await bench.send("PEXPIRE", bench.keys.lease, "30000")
        try await bench.send("HSET", bench.keys.fence, "sequence", "7")
        #expect(try await store.acquire(token, floor: .zero).answer.granted() == lease)
        #expect((40_000...60_000).contains(try await bench.send("PTTL", bench.keys.lease).int ?? 0))
        // A fence that is ours already is not set back.
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(token)", "7", "\(lease.epoch)"])
        #expect(try await bench.history().count == 1)

        try await bench.send("HSET", bench.keys.fence, "epoch", "3", "token", "older", "highest", "3")
        #expect(try await store.acquire(token, floor: .zero).answer.granted() == lease)
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(token)", "0", "\(lease.epoch)"])

        try await bench.send("DEL", bench.keys.fence)
        #expect(try await store.acquire(token, floor: .zero).answer.granted() == lease)
        #expect(try await bench.fence() == ["\(lease.epoch)", "\(token)", "0", "\(lease.epoch)"])
    }

    @Test func epochsOnlyGrow() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store()
        let floor = try #require(Epoch(4_503_599_627_370_490))
        #expect(try await store.acquire(.random(), floor: floor).answer.granted().epoch.number == floor.number + 1)
        // What was issued once is remembered beside the lease…
        try await bench.send("DEL", bench.keys.lease)
        #expect(try await store.acquire(.random(), floor: .zero).answer.granted().epoch.number == floor.number + 2)
        // … and where Redis has forgotten it, by the candidates.
        try await bench.send("DEL", bench.keys.lease, bench.keys.fence)
        let seen = try #require(Epoch(floor.number + 2))
        #expect(try await store.acquire(.random(), floor: seen).answer.granted().epoch.number == floor.number + 3)
    }

    @Test func anEpochAbove2To52IsRefused() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .max)
        }
        #expect(error?.remedy == .repair)
        #expect(error?.detail == "epoch 4503599627370497")
        #expect(try await bench.leaseText() == nil)
        #expect(try await bench.send("EXISTS", bench.keys.fence) == .integer(0))
    }

    @Test(arguments: ["lease", "fence", "events"]) func keysOfAnotherTypeAreRefused(_ name: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let key = ["lease": bench.keys.lease, "fence": bench.keys.fence, "events": bench.keys.events][name] ?? ""
        try await bench.send("SADD", key, "member")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .zero)
        }
        #expect(error?.remedy == .repair)
        #expect(error?.description.contains("redis-cli UNLINK '\(key)'") == true)
        #expect(error?.detail.hasPrefix("\(key) is a set, not a ") == true)
        // Nothing else was touched.
        let keys = [bench.keys.lease, bench.keys.fence, bench.keys.events]
        #expect(try await bench.connection.send(RedisCommand(["EXISTS"] + keys)) == .integer(1))
    }

    @Test(arguments: ["hello", "{}", "[1]", "{\"format\":1}", "{\"format\":1,\"epoch\":5}", ""])
    func whatIsNoLeaseIsRefused(_ text: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, text, "PX", "60000")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .zero)
        }
        #expect(error?.message.contains("holds something that is no lease") == true)
        #expect(try await bench.leaseText() == text)
    }

    @Test func aLeaseWithoutTTLIsRefused() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease())
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .zero)
        }
        #expect(error?.message.contains("redis-cli UNLINK '\(bench.keys.lease)'") == true)
        #expect(error?.detail == "\(bench.keys.lease), held by pod-9, has no TTL")
        #expect(try await bench.leaseText() != nil)
    }

    @Test func anotherDeploymentIsRefused() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(deployment: "x/y/z"), "PX", "60000")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .zero)
        }
        #expect(error?.remedy == .repair)
        #expect(error?.message.contains("another deployment") == true)
        #expect(error?.detail == "\(bench.keys.lease) is held by pod-9 for x/y/z")
    }

    @Test(arguments: ["2", "17"]) func aNewerFormatIsRefused(_ format: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(format: format), "PX", "60000")
        let error = await #expect(throws: LeaseError.self) {
            _ = try await bench.store().acquire(.random(), floor: .zero)
        }
        #expect(error?.message.contains("newer format") == true)
        #expect(error?.detail == "\(bench.keys.lease) has format \(format)")
    }

    @Test(arguments: ["1", "1.7"]) func unknownFieldsAndMinorFormatsAreIgnored(_ format: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(format: format), "PX", "60000")
        guard case .taken(let lease, _) = try await bench.store().acquire(.random(), floor: .zero).answer else {
            Issue.record("not taken")
            return
        }
        #expect(lease.epoch == Epoch(500) && lease.holder == "pod-9")
    }

    @Test func onePublishesItsElection() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let client = RedisClient(
            RedisConfiguration(
                url: try RedisURL(bench.redis.url), connectTimeout: .seconds(20), commandTimeout: .seconds(20)),
            eventLoop: bench.eventLoop, logger: ElectionBench.quiet)
        var events = client.subscribe(to: [bench.keys.elected, bench.keys.released]).makeAsyncIterator()
        guard case .subscribed? = await events.next() else {
            Issue.record("not subscribed")
            return
        }
        let store = try bench.store()
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        guard case .message(bench.keys.elected, let text)? = await events.next() else {
            Issue.record("no election published")
            return
        }
        #expect(String(decoding: text, as: UTF8.self) == lease.text)
        #expect(try await store.resign(lease, .shutdown))
        guard case .message(bench.keys.released, let token)? = await events.next() else {
            Issue.record("no release published")
            return
        }
        #expect(String(decoding: token, as: UTF8.self) == "\(lease.token) ")
    }
}

package import ElectionRuntime
internal import Glibc
package import GroupState
package import LeaderElection
package import LocalStack
package import Logging
package import NIOCore
internal import NIOPosix
package import RedisClient
package import Testing

/// A group of its own on a real Redis, and the means to look at it and to spoil it.
package struct ElectionBench: Sendable {
    package let redis: LocalRedis
    package let group: String
    package let keys: GroupKeys
    package let connection: RedisConnection
    package let timing: ElectionTiming

    package static let deployment = "7012345678901234567/app/test"
    /// A TTL of a minute, and ten seconds for each answer: for tests of the scripts on a busy machine.
    package static let patience = timing(ttl: .seconds(60), renewEvery: .seconds(10), renewTimeout: .seconds(10))
    /// A TTL of four seconds, for tests that wait for it.
    package static let haste = timing(
        ttl: .seconds(4), renewEvery: .milliseconds(300), renewTimeout: .milliseconds(1600))
    /// The same with ten renewals a second.
    package static let quick = timing(
        ttl: .seconds(4), renewEvery: .milliseconds(100), renewTimeout: .milliseconds(1600))

    package static func timing(
        ttl: Duration, renewEvery: Duration, renewTimeout: Duration, retryDelay: Duration = .milliseconds(50),
        margin: Duration = .milliseconds(150)
    ) -> ElectionTiming {
        do throws(ElectionTimingError) {
            return try ElectionTiming(
                ttl: ttl, renewEvery: renewEvery, renewTimeout: renewTimeout, retryDelay: retryDelay,
                margin: margin, stopSendingWithin: .milliseconds(300))
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private static let shared = Task { try await LocalRedis.start() }

    /// A group on the Redis that all tests share that do not harm it.
    package static func onSharedRedis(timing: ElectionTiming = patience) async throws -> ElectionBench {
        try await ElectionBench(on: shared.value, timing: timing)
    }

    package init(on redis: LocalRedis, timing: ElectionTiming = patience) async throws {
        self.redis = redis
        self.timing = timing
        group = "g\(UInt64.random(in: 0...UInt64.max))"
        keys = GroupKeys(prefix: "staging:", group: group)
        connection = try await ElectionBench.connect(redis)
    }

    /// The same group, with other timing.
    package init(_ other: ElectionBench, timing: ElectionTiming) {
        (redis, group, keys, connection) = (other.redis, other.group, other.keys, other.connection)
        self.timing = timing
    }

    package static func connect(_ redis: LocalRedis) async throws -> RedisConnection {
        try await RedisConnection.connect(
            RedisConfiguration(
                url: RedisURL(redis.url), connectTimeout: .seconds(20), commandTimeout: .seconds(20)),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: quiet)
    }

    package static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// `BATON_TEST_LOG=1` shows what the elections log.
    package static func logger(_ name: String) -> Logger {
        var logger = getenv("BATON_TEST_LOG") == nil ? quiet : Logger(label: name)
        logger.logLevel = .debug
        return logger
    }

    package func store(
        _ holder: String = "pod-1", deployment: String = deployment, url: String? = nil, detectsCrashes: Bool = true,
        eventLoop: (any EventLoop)? = nil
    ) throws -> LeaseStore {
        LeaseStore(
            redis: RedisConfiguration(url: try RedisURL(url ?? redis.url)), keys: keys, holder: holder,
            deployment: deployment, timing: timing, detectsCrashes: detectsCrashes,
            eventLoop: eventLoop ?? MultiThreadedEventLoopGroup.singleton.next(), logger: ElectionBench.logger(holder))
    }

    package func replicaInfo(_ name: String, version: String = "1.0.0", revision: String = "r1") -> ReplicaInfo {
        ReplicaInfo(
            id: "id-of-\(name)", name: name, version: version, revision: revision,
            startedMilliseconds: 1_790_000_000_000)
    }

    package var eventLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

    // MARK: Redis by hand

    @discardableResult
    package func send(_ arguments: String...) async throws -> RedisValue {
        try await connection.send(RedisCommand(arguments))
    }

    /// Epoch, token, sequence, highest.
    package func fence() async throws -> [String?] {
        try await send("HMGET", keys.fence, "epoch", "token", "sequence", "highest").array?.map(\.string) ?? []
    }

    package func leaseText() async throws -> String? { try await send("GET", keys.lease).string }

    /// The history, oldest first, each as `event reason`.
    package func history() async throws -> [String] {
        let entries = try await send("XRANGE", keys.events, "-", "+").array ?? []
        return entries.map { entry in
            let fields = entry.array?.last?.array?.compactMap(\.string) ?? []
            func value(_ name: String) -> String {
                fields.firstIndex(of: name).map { fields[$0 + 1] } ?? "?"
            }
            return "\(value("event")) \(value("reason"))"
        }
    }

    /// A lease that some other replica would have written.
    package func foreignLease(
        epoch: String = "500", token: String = "theirs", deployment: String = deployment, format: String = "1"
    ) -> String {
        #"{"format":\#(format),"epoch":"\#(epoch)","token":"\#(token)","holder":"pod-9","since":"1790000000000","#
            + #""deployment":"\#(deployment)","colour":"green"}"#
    }
}

extension AcquireAnswer {
    /// The lease that was acquired.
    package func granted() throws -> Lease {
        guard case .acquired(let lease) = self else { throw NotGranted(answer: self) }
        return lease
    }

    package struct NotGranted: Error { let answer: AcquireAnswer }
}

extension Token {
    package static func random() -> Token {
        var randomness = SystemRandomNumberGenerator()
        return Token(using: &randomness)
    }
}

/// Waits for a condition, with a bound; how often it asks plays no part in the outcome.
package func eventually(
    within limit: Duration = .seconds(40), _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    Issue.record("not within \(limit): \(what)", sourceLocation: sourceLocation)
    throw TimedOut()
}

private struct TimedOut: Error {}

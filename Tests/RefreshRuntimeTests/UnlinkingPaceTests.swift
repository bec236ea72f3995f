import CacheRefresh
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import GroupState

/// Without a mark every key of a dataset is unlinked, and the application fills the cache again from its database: so
/// not all of them at once.
@Suite("The pace at which a takeover without a mark empties a cache")
struct UnlinkingPaceTests {
    private static let count = 15_000
    /// What may go at one moment: a page, and what was on its way when Redis was slow to answer.
    private static let burst = 4000

    private static func fill(_ world: RefreshWorld) async throws {
        for start in stride(from: 1, through: count, by: 1000) {
            let pairs = (start..<start + 1000).flatMap { ["user:\($0)", "{}"] }
            try await world.command(["MSET"] + pairs)
        }
    }

    private static func left(_ world: RefreshWorld) async throws -> Int {
        // The others are Baton's own.
        Int(try await world.command("DBSIZE").int ?? 0)
    }

    /// How many keys there were, and at which earliest and latest time.
    private typealias Sample = (earliest: ContinuousClock.Instant, latest: ContinuousClock.Instant, left: Int)

    @Test("Is at most 5,000 keys a second, in the first pass and when it looks again")
    func pace() async throws {
        let dataset = try Dataset.table("users", ["user:{id}"], mode: .invalidate)
        try await RefreshWorld.with(sql: "create table users (id int primary key)") { world in
            let leader = try await world.leader(of: dataset)
            for isSecond in [false, true] {
                try await Self.fill(world)
                let samples = Mutex<[Sample]>([])
                let isOver = Mutex(false)
                let watching = Task {
                    while !isOver.withLock({ $0 }) {
                        let earliest = ContinuousClock.now
                        let left = try await Self.left(world)
                        samples.withLock { $0.append((earliest, .now, left)) }
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                let begin = ContinuousClock.now
                try await leader.tick()
                let taken = ContinuousClock.now - begin
                isOver.withLock { $0 = true }
                try await watching.value
                #expect(try await world.keyNames().isEmpty)
                #expect(taken >= .seconds(1) * Self.count / Inventory.deletionsPerSecond, "second look: \(isSecond)")
                Self.expectPace(samples.withLock { $0 })
                world.clock.advance(by: .seconds(3))
            }
            // From then on only what changes.
            try await Self.fill(world)
            try await world.sql("insert into users select generate_series(1, 3000)")
            try await leader.tick()
            #expect(try await world.keyNames().count == Self.count - 3000)
        }
    }

    /// Whatever stretch of time is looked at.
    private static func expectPace(_ samples: [Sample]) {
        #expect(samples.count > 10)
        for (number, start) in samples.enumerated() {
            for end in samples[number...] {
                let most = (end.latest - start.earliest) * Inventory.deletionsPerSecond / .seconds(1)
                guard Double(start.left - end.left) > most + Double(burst) else { continue }
                Issue.record("\(start.left - end.left) keys went within \(end.latest - start.earliest)")
                return
            }
        }
    }
}

import LocalStack
import PostgresClient
import Synchronization
import TestSupport
import Testing

@testable import DatasetReading
@testable import RefreshRuntime

@Suite("The pool of connections to PostgreSQL")
struct PostgresPoolTests {
    private static func with(
        limit: Int, _ body: (PostgresPool, PostgresConnection, _ name: String) async throws -> Void
    ) async throws {
        try await RefreshWorld.with { world in
            let name = "pool of \(world.databaseName)"
            let pool = PostgresPool(
                PostgresConfiguration(
                    url: world.databaseURL, applicationName: name, connectTimeout: .seconds(20),
                    settings: PostgresSession.settings),
                limit: limit)
            try await body(pool, world.connect(), name)
            await pool.close()
        }
    }

    private static func open(_ watcher: PostgresConnection, _ name: String) async throws -> Int {
        let rows = try await watcher.query("select count(*) from pg_stat_activity where application_name = $1", [name])
        return (rows.first?[0]).flatMap { Int($0) } ?? -1
    }

    /// Waits until a session has ended at the server too, which comes later than the close of its connection.
    private static func waitForEnd(of backendPID: Int) async throws {
        let server = try await LocalPostgres.shared()
        try await eventually("the session has ended") {
            try await server.run(sql: "select count(*) from pg_stat_activity where pid = \(backendPID)") == "0"
        }
    }

    @Test("Many borrow, few connections are open, and each borrower gets one", arguments: [1, 3])
    func bound(limit: Int) async throws {
        try await Self.with(limit: limit) { pool, watcher, name in
            let served = Task {
                try await withThrowingTaskGroup { group in
                    for number in 0..<24 {
                        group.addTask {
                            let connection = try await pool.borrow()
                            _ = try? await connection.query("select pg_sleep(0.002)")
                            // Now and then one breaks.
                            if number % 8 == 7 {
                                await connection.close()
                                try await Self.waitForEnd(of: connection.backendPID)
                            }
                            await pool.giveBack(connection)
                        }
                    }
                    try await group.waitForAll()
                }
            }
            let isDone = Flag(raisedBy: served)
            var most = 0
            while !isDone.isRaised { most = max(most, try await Self.open(watcher, name)) }
            try await served.value
            #expect((1...limit).contains(most))
            #expect(try await Self.open(watcher, name) <= limit)
        }
    }

    @Test("A borrower that is cancelled while it waits takes nobody's turn away")
    func cancelledWaiter() async throws {
        try await Self.with(limit: 1) { pool, _, _ in
            for _ in 0..<100 {
                let connection = try await pool.borrow()
                let cancelled = Task {
                    let connection = try await pool.borrow()
                    await pool.giveBack(connection)
                }
                let patient = Task {
                    let connection = try await pool.borrow()
                    await pool.giveBack(connection)
                }
                // Both wait, the one that is cancelled first in the queue or behind the other.
                while await pool.waitingCount < 2 { await Task.yield() }
                cancelled.cancel()
                await pool.giveBack(connection)
                let isServed = Flag(raisedBy: patient)
                let end = ContinuousClock.now + .seconds(10)
                while !isServed.isRaised && ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(1)) }
                guard isServed.isRaised else {
                    Issue.record("a borrower waits although a connection is idle")
                    patient.cancel()
                    return
                }
                _ = await cancelled.result
            }
        }
    }

    @Test("Whoever waits longest is served first, also when the one before wants another turn at once")
    func fairness() async throws {
        try await Self.with(limit: 1) { pool, _, _ in
            let order = Order()
            let connection = try await pool.borrow()
            var others: [Task<Void, any Error>] = []
            for number in 1...3 {
                others.append(
                    Task {
                        let connection = try await pool.borrow()
                        order.add(number)
                        await pool.giveBack(connection)
                    })
                while await pool.waitingCount < number { await Task.yield() }
            }
            await pool.giveBack(connection)
            let again = try await pool.borrow()
            order.add(4)
            await pool.giveBack(again)
            for other in others { try await other.value }
            #expect(order.numbers == [1, 2, 3, 4])
        }
    }

    private final class Order: Sendable {
        private let seen = Mutex<[Int]>([])
        var numbers: [Int] { seen.withLock { $0 } }
        func add(_ number: Int) { seen.withLock { $0.append(number) } }
    }

    @Test("A connection that broke while it was idle, or could not be opened, makes room for another")
    func broken() async throws {
        try await Self.with(limit: 1) { pool, watcher, name in
            let first = try await pool.borrow()
            await pool.giveBack(first)
            _ = try await watcher.query("select pg_terminate_backend($1::int)", ["\(first.backendPID)"])
            // Noticed by the next call at the latest.
            var attempts = 0
            while attempts < 3 {
                attempts += 1
                let connection = try await pool.borrow()
                let works = (try? await connection.query("select 1")) != nil
                await pool.giveBack(connection)
                if works { break }
            }
            #expect(attempts <= 2)
            #expect(try await Self.open(watcher, name) == 1)
        }
        let unreachable = PostgresPool(PostgresConfiguration(url: "postgresql://postgres@127.0.0.1:1/x"), limit: 1)
        for _ in 0..<3 { await #expect(throws: PostgresError.self) { try await unreachable.borrow() } }
    }

    @Test("A closed pool lends nothing, wakes those who wait, and closes what comes back")
    func closed() async throws {
        try await Self.with(limit: 1) { pool, watcher, name in
            let connection = try await pool.borrow()
            let waiting = Task { _ = try await pool.borrow() }
            while await pool.waitingCount < 1 { await Task.yield() }
            await pool.close()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            await #expect(throws: CancellationError.self) { try await pool.borrow() }
            await pool.giveBack(connection)
            #expect(!connection.isUsable)
            let end = ContinuousClock.now + .seconds(10)
            while try await Self.open(watcher, name) > 0 && ContinuousClock.now < end {}
            #expect(try await Self.open(watcher, name) == 0)
        }
    }
}

/// Whether a task has ended.
private final class Flag: Sendable {
    private let value = Mutex(false)

    var isRaised: Bool { value.withLock { $0 } }

    init<Success>(raisedBy task: Task<Success, any Error>) {
        Task {
            _ = await task.result
            value.withLock { $0 = true }
        }
    }
}

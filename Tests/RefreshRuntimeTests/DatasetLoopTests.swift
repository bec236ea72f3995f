import CacheRefresh
import LeaderElection
import LocalStack
import Logging
import PostgresClient
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import DatasetReading
@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import RefreshRuntime
@testable import Telemetry

@Suite("The loop of a dataset, and the service that runs one for each")
struct DatasetLoopTests {
    @Test("The first pass comes at once, the next ones at their interval, and each change arrives")
    func interval() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            try await world.whileLooping(dataset) { log, _ in
                try await world.wait(until: "the cache is filled") { try await world.keyNames().count == 5 }
                for change in ["update t set v = 'new'", "delete from t where id = 2", "insert into t values (9, '')"] {
                    try await world.sql(change)
                    try await world.wait(until: "\(change) arrives") {
                        try await world.differences(in: "t", prefix: "t:") == []
                    }
                }
                #expect(log.messages(at: .error) == [])
            }
        }
    }

    @Test("A pass that takes longer than its interval is not overlapped, and missed ticks are not made up for")
    func noOverlap() async throws {
        // Each pass leaves a trace of when it began and ended, in clock time and by whom.
        let schema = "create table t (id int primary key); insert into t values (1)"
        try await RefreshWorld.with(sql: schema) { world in
            let query =
                "select id, clock_timestamp()::text as began, pg_sleep(0.06)::text as s, clock_timestamp()::text as ended from t"
            let dataset = Dataset(
                name: "slow", source: .query(query), identity: ["id"],
                keys: [.init(template: try KeyTemplate("t:{id}"), value: .row)], every: .milliseconds(10))
            try await world.whileLooping(dataset) { log, _ in
                var seen: Set<String> = []
                let watcher = try await world.connect()
                try await world.wait(until: "several passes were seen") {
                    let busy = try await watcher.query(
                        "select count(*) from pg_stat_activity where query like 'copy%' and state = 'active' and datname = $1",
                        [world.databaseName])
                    #expect((busy.first?[0]).flatMap { Int($0) } ?? 0 <= 1)
                    if let value = try await world.get("t:1") { seen.insert(value) }
                    return seen.count >= 6
                }
                #expect(log.messages(at: .error) == [])
            }
        }
    }

    @Test("Trouble is told once for each kind, tries come later and later, and recovery is told too")
    func backoff() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(10))
            try await world.whileLooping(dataset) { log, _ in
                try await world.wait(until: "the cache is filled") { try await world.keyNames().count == 5 }
                try await world.sql("alter table t rename to s")
                try await world.wait(until: "an error is told") { log.messages(at: .error).count == 1 }
                // Half a second at most, then one at most, and so on: it fails again without being told again.
                try await Task.sleep(for: .milliseconds(700))
                #expect(log.messages(at: .error).count == 1)
                #expect(log.messages(at: .error)[0].contains("does not exist"))
                // Another kind of trouble is told.
                try await world.sql("create table t (v text)")
                try await world.wait(until: "the other error is told") { log.messages(at: .error).count == 2 }
                #expect(log.messages(at: .error)[1].contains("primary key"))
                #expect(try await world.keyNames().count == 5)
                try await world.sql("drop table t; alter table s rename to t")
                try await world.wait(until: "recovery is told") { log.messages(at: .notice).count == 1 }
                let notice = log.messages(at: .notice)[0]
                #expect(notice.hasPrefix("passes succeed again"))
                // At most so many tries fit into the time, if each waits twice as long as the one before.
                let failures = notice.split(separator: "=").last.flatMap { Int($0) } ?? 0
                #expect((2...8).contains(failures), "\(notice)")
                try await world.wait(until: "the cache is right") {
                    try await world.differences(in: "t", prefix: "t:") == []
                }
            }
        }
    }

    /// Who ends sessions that are idle for a while.
    enum Ender: String, CaseIterable, Sendable { case server, pooler, administrator }

    @Test("A connection that was ended between two ticks is replaced: no tick fails", arguments: Ender.allCases)
    func endedConnections(_ ender: Ender) async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            var every = Duration.milliseconds(800)
            var pooler: LocalPgBouncer?
            switch ender {
            case .server: try await world.sql("alter database \(world.databaseName) set idle_session_timeout = '400ms'")
            case .pooler:
                every = .milliseconds(1300)
                pooler = try await LocalPgBouncer.start(
                    .session, inFrontOf: world.postgres, settings: ["client_idle_timeout": "1"])
            case .administrator: break  // who ends it right after a pass has all this time until the next one
            }
            let meter = DatasetMeter("t", .discarded)
            try await world.whileLooping(
                .table("t", ["t:{id}"], changes: .snapshot, every: every),
                at: pooler?.url(database: world.databaseName), meter: meter
            ) { log, _ in
                for round in 1...4 {
                    let passes = meter.lastMinute.passes
                    try await world.sql("update t set v = '\(round)' where id = 1")
                    try await world.wait(until: "another pass ends") { meter.lastMinute.passes > passes }
                    if ender == .administrator {
                        try await world.sql(
                            """
                            select pg_terminate_backend(pid) from pg_stat_activity
                            where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'
                            """)
                    }
                }
                try await world.wait(until: "the last change arrives") {
                    try await world.differences(in: "t", prefix: "t:") == []
                }
                #expect(log.messages(at: .error) == [])
                #expect(meter.lastMinute.failures == 0)
            }
            await pooler?.close()
        }
    }

    @Test("What the brake holds is told once, not at each tick")
    func brakeIsToldOnce() async throws {
        let schema = "create table t (id int primary key); insert into t select generate_series(1, 40)"
        try await RefreshWorld.with(sql: schema) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(10))
            try await world.whileLooping(dataset) { log, _ in
                try await world.wait(until: "the cache is filled") { try await world.keyNames().count == 40 }
                try await world.sql("delete from t where id > 5")
                try await world.wait(until: "it is told") { !log.messages(at: .warning).isEmpty }
                let passes = log.messages(at: .debug).count
                try await world.wait(until: "more passes went by") { log.messages(at: .debug).count > passes + 5 }
                #expect(log.messages(at: .warning).count == 1)
                #expect(log.messages(at: .warning)[0].contains("held=35"))
                try await world.sql("delete from t where id = 5")
                try await world.wait(until: "that it is more is told") { log.messages(at: .warning).count == 2 }
            }
        }
    }

    @Test("A loop ends with its term, and asks about the lease when a write is refused")
    func endsWithTerm() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let dataset = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(10))
            let log = LogRecorder()
            let refused = Mutex(0)
            let elected = try await world.elect()
            let term = LeadershipTerm(lease: elected.lease, deadline: .now + .seconds(600)) { news in
                if case .writeRefused = news { refused.withLock { $0 += 1 } }
            }
            let pool = PostgresPool(PostgresConfiguration(url: world.databaseURL), limit: 1)
            let loop = DatasetLoop(
                pass: DatasetPass(
                    dataset: dataset, keyPrefix: "", keys: world.keys,
                    fence: try world.fence(of: term), redis: world.redis, clock: { Uptime.now }),
                term: term, pool: pool, logger: log.logger)
            let task = Task { await loop.run() }
            try await world.wait(until: "the cache is filled") { try await world.keyNames().count == 5 }
            _ = try await world.elect()
            try await world.sql("update t set v = 'stale'")
            try await world.wait(until: "it asks about the lease") { refused.withLock { $0 } > 0 }
            #expect(try await world.get("t:1")?.contains("row 1") == true)
            term.end(.leaseGone)
            await task.value
            await pool.close()
        }
    }

    // MARK: The service

    @Test("Datasets that are replaced: those that did not change go on undisturbed, the others begin anew, or end")
    func replace() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let log = LogRecorder()
            let every = Duration.milliseconds(20)
            let t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: every)
            let u = try Dataset.table("u", ["u:{id}"], changes: .snapshot, every: every)
            var off = u
            off.isEnabled = false
            let service = RefreshService(
                configuration: try world.configuration([t, off]), keys: world.keys, deployment: "test",
                redis: ["main": try world.makeClient()], logger: log.logger)
            let term = try await world.elect()
            let task = Task { await service.lead(term) }
            try await world.wait(until: "the cache is filled") { try await world.keyNames().count == 5 }
            service.replace(datasets: [t, u])
            try await world.wait(until: "the other is filled too") { try await world.keyNames().count == 10 }

            var renamed = u
            renamed.keys = [.init(template: try KeyTemplate("other:{id}"), value: .row)]
            service.replace(datasets: [t, renamed])
            try await world.wait(until: "the new keys are there") {
                try await world.keyNames().contains("other:5")
            }
            // Keys of what is gone stay until their TTL, and nobody changes them.
            try await world.sql("update t set v = 'new'; update u set v = 'new'")
            try await world.wait(until: "the change arrives") {
                try await world.differences(in: "t", prefix: "t:") + world.differences(in: "u", prefix: "other:") == []
            }
            #expect(try await world.get("u:1")?.contains("row 1") == true)
            service.replace(datasets: [])
            service.replace(datasets: [t])
            try await world.sql("delete from t where id = 1; delete from u where id = 1")
            try await world.wait(until: "the deletion arrives") { try await world.get("t:1") == nil }
            #expect(try await world.get("other:1") != nil)

            // The undisturbed one read everything as new only when it began, and when it came back.
            let beginnings = log.messages(at: .info).filter { $0.contains("dataset=t ") && $0.contains("kept=5") }
            #expect(beginnings.count <= 1)
            #expect(log.messages(at: .info).count { $0.contains("dataset=t ") && $0.contains("written=5") } == 2)
            #expect(log.messages(at: .error) == [])
            task.cancel()
            await task.value
        }
    }

    @Test("A leader that a target outranks gives its term up: only a later one can write there")
    func outranked() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            try await world.command("HSET", world.keys.fence, "epoch", "9", "token", "later", "sequence", "0")
            let log = LogRecorder()
            var configuration = try world.configuration([.table("t", ["t:{id}"]), .table("u", ["u:{id}"])])
            configuration.lease.redis = "elsewhere"
            let service = RefreshService(
                configuration: configuration, keys: world.keys, deployment: "test",
                redis: ["main": try world.makeClient()],
                logger: log.logger)
            let (term, observed) = FenceTests.targetTerm(confirming: true)
            await service.lead(term)
            #expect(observed() == "9")
            #expect(log.messages(at: .error).contains { $0.contains("epoch 9") })
            #expect(try await world.keyNames() == [])
        }
    }

    @Test("However many datasets there are, no more connections are open than allowed, and none after the term")
    func connections() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let datasets = try (1...8).map { number in
                var dataset = try Dataset.query(
                    "select id, v, pg_sleep(0.002)::text as s from t", name: "d\(number)", identity: ["id"],
                    ["d\(number):{id}"])
                dataset.every = .milliseconds(5)
                return dataset
            }
            let service = RefreshService(
                configuration: try world.configuration(datasets), keys: world.keys, deployment: "test",
                redis: ["main": try world.makeClient()], logger: RefreshWorld.quiet)
            let watcher = try await world.connect()
            func open() async throws -> Int {
                let rows = try await watcher.query(
                    "select count(*) from pg_stat_activity where datname = $1 and application_name = 'baton'",
                    [world.databaseName])
                return (rows.first?[0]).flatMap { Int($0) } ?? -1
            }
            let term = try await world.elect()
            let task = Task { await service.lead(term) }
            var most = 0
            try await world.wait(until: "every dataset is there") {
                most = max(most, try await open())
                return try await world.keyNames().count == 40
            }
            for _ in 0..<20 { most = max(most, try await open()) }
            #expect(most == 2)
            task.cancel()
            await task.value
            try await world.wait(until: "all connections are closed") { try await open() == 0 }
        }
    }

    @Test("A service whose PostgreSQL can't be reached says so once, and ends at once when its term does")
    func unreachable() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let log = LogRecorder()
            var configuration = try world.configuration([try .table("t", ["t:{id}"])])
            configuration.postgres.url = "postgresql://postgres@127.0.0.1:1/nothing"
            let service = RefreshService(
                configuration: configuration, keys: world.keys, deployment: "test",
                redis: ["main": try world.makeClient()],
                logger: log.logger)
            let term = try await world.elect()
            let task = Task { await service.lead(term) }
            try await world.wait(until: "it is told") { !log.messages(at: .error).isEmpty }
            #expect(log.messages(at: .error)[0].contains("refused"))
            task.cancel()
            await task.value
            #expect(log.messages(at: .error).count == 1)
        }
    }
}

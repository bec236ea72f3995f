import CacheRefresh
import Foundation
import LocalStack
import Logging
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading
@testable import Formatting
@testable import RefreshRuntime
@testable import Telemetry

/// Whatever is remembered of a server holds only for the history that it came from.
@Suite("Histories of PostgreSQL, on servers that fail over, crash, and are restored", .serialized)
struct ServerHistoryTests {
    static let schema =
        "create table t (id int primary key, v text); insert into t select n, 'old' from generate_series(1, 5) n"

    /// How often each failover is tried: a few times; `make test-failover` says more.
    static let rounds = ProcessInfo.processInfo.environment["BATON_TEST_FAILOVERS"].flatMap { Int($0) } ?? 2

    static func options(_ configuration: String...) -> LocalPostgres.Options {
        var options = LocalPostgres.Options()
        options.configuration =
            ["autovacuum = off", "checkpoint_timeout = 1h", "synchronous_commit = on"] + configuration
        return options
    }

    /// A world of a primary of its own, with a standby that can be promoted.
    static func withPair(
        sql: String = schema, _ body: (RefreshWorld, LocalPostgres, LocalPostgres) async throws -> Void
    ) async throws {
        try await LocalPostgres.withServer(options()) { primary in
            try await RefreshWorld.with(sql: sql, postgres: primary) { world in
                // From here on both write into one page.
                try await primary.run(sql: "select pg_switch_wal()")
                let standby = try await primary.startStandby()
                do {
                    try await primary.wait(for: standby)
                    try await body(world, primary, standby)
                } catch {
                    await standby.close()
                    throw error
                }
                await standby.close()
            }
        }
    }

    private static func connect(_ world: RefreshWorld, to server: LocalPostgres) async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            PostgresConfiguration(
                url: server.url(database: world.databaseName), connectTimeout: .seconds(20),
                settings: PostgresSession.settings))
    }

    // MARK: Positions

    private static func position(of server: LocalPostgres) async throws -> WALPosition {
        try #require(WALPosition(try await server.run(sql: "select pg_current_wal_insert_lsn()")))
    }

    /// Has a server write to its log until it is exactly at a position, if that is some bytes ahead in the same page.
    private static func write(_ server: LocalPostgres, upTo position: WALPosition) async throws {
        try await server.run(
            sql: """
                do $$ declare gap bigint; begin
                    loop
                        gap := pg_wal_lsn_diff('\(position)', pg_current_wal_insert_lsn());
                        exit when gap < 56;
                        perform pg_logical_emit_message(false, '', repeat('x', (case when gap > 256 then 149 else gap - 51 end)::int));
                    end loop;
                end $$
                """)
    }

    /// Has the one that is behind write until both servers are at the same position, and stay there.
    private static func align(_ one: LocalPostgres, _ other: LocalPostgres) async throws {
        for _ in 1...20 {
            let (first, second) = (try await position(of: one), try await position(of: other))
            if first == second { return }
            try await write(first < second ? one : other, upTo: max(first, second))
            if try await position(of: one) != position(of: other) {
                // One message more, as the gap was smaller than the smallest, or a page ended.
                try await one.run(sql: "select pg_logical_emit_message(false, '', repeat('x', 349))")
            }
        }
        throw RefreshWorld.Unexpected("the servers don't come to one position")
    }

    /// Ends that a standby hears of its primary, as before a failover that loses something.
    private static func part(_ standby: LocalPostgres) async throws {
        try await standby.run(sql: "alter system set primary_conninfo = ''")
        try await standby.run(sql: "select pg_reload_conf()")
        for _ in 1...200 {
            if try await standby.run(sql: "select count(*) from pg_stat_wal_receiver") == "0" { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw RefreshWorld.Unexpected("the standby goes on following its primary")
    }

    private static func pause(_ standby: PostgresConnection, _ world: RefreshWorld) async throws {
        _ = try await standby.query("select pg_wal_replay_pause()")
        try await world.wait(until: "the replay pauses") {
            try await standby.query("select pg_get_wal_replay_pause_state()").first?[0] == "paused"
        }
    }

    // MARK: Failover

    @Test(
        "A failover that loses an UPDATE is made good within two ticks, though the new server is at the same position",
        arguments: 1...rounds)
    func lostUpdate(round: Int) async throws {
        try await Self.withPair { world, primary, standby in
            let leader = try await world.leader(of: .table("t", ["t:{id}"]))
            try await leader.tick()
            try await Self.part(standby)
            try await world.sql("update t set v = 'lost' where id = 1")
            try await standby.promote()
            try await standby.run(sql: "checkpoint")
            try await world.wait(until: "both are at one position, and the gate is shut") {
                try await Self.align(primary, standby)
                let isShut = try await leader.tick() == nil
                return try await Self.position(of: primary) == Self.position(of: standby) && isShut
            }
            #expect(try await world.get("t:1")?.contains("lost") == true)
            await primary.kill()
            if round % 2 == 0 {
                // The question fails before another server answers.
                await #expect(throws: (any Error).self) { try await leader.tick() }
                #expect(leader.state.memory.snapshot == nil)
            }
            leader.connection = try await Self.connect(world, to: standby)
            for _ in 1...2 { try await leader.tick() }
            #expect(try await world.get("t:1")?.contains("old") == true)
            #expect(leader.state.history.takeChange()?.to.timeline == 2)
            try await world.wait(until: "the gate is shut again") { try await leader.tick() == nil }
            await leader.connection.close()
        }
    }

    @Test("A server that was just promoted says its timeline, though its control file does not yet")
    func timeline() async throws {
        try await Self.withPair { world, _, standby in
            let connection = try await Self.connect(world, to: standby)
            let before = try await Snapshot.take(on: connection)
            #expect(before.history.isStandby && before.history.timeline == 1)
            let checkpointer = try await standby.run(
                sql: "select pid from pg_stat_activity where backend_type = 'checkpointer'")
            kill(try #require(pid_t(checkpointer)), SIGSTOP)  // woken when the server is closed
            try await standby.promote()
            let after = try await Snapshot.take(on: connection)
            let control = try await connection.query("select timeline_id from pg_control_checkpoint()").first?[0]
            #expect(control == "1")
            #expect(after.history.timeline == 2 && !after.history.isStandby)
            #expect(after.history.start == before.history.start)
            #expect(after.durable >= before.history.position)
            await connection.close()
        }
    }

    // MARK: Crashes

    @Test("A commit that a crash took back is noticed, though the server writes on to the same position")
    func lostAsynchronousCommit() async throws {
        let options = Self.options("synchronous_commit = off", "wal_writer_delay = 10s")
        try await LocalPostgres.withServer(options) { server in
            try await RefreshWorld.with(sql: Self.schema, postgres: server) { world in
                let leader = try await world.leader(of: .table("t", ["t:{id}"]))
                try await server.run(sql: "select pg_switch_wal()")
                try await server.run(sql: "checkpoint")
                let victim = try await world.connect()
                var remembered: Snapshot?
                var id = 0
                try await world.wait(until: "a commit was read that is not written out") {
                    id += 1
                    _ = try await victim.query("update t set v = 'lost' where id = \(id)")
                    _ = try await victim.query("select pg_logical_emit_message(false, '', repeat('x', 2000))")
                    try await leader.tick()
                    remembered = leader.state.memory.snapshot
                    return remembered.map { $0.durable < $0.history.position } ?? false
                }
                // A process that is killed takes all others of its server with it; the postmaster stays.
                kill(pid_t(victim.backendPID), SIGKILL)
                #expect(try await world.get("t:\(id)")?.contains("lost") == true)
                let value = "select v from t where id = \(id)"
                try await world.wait(until: "the server is back") {
                    (try? await server.run(sql: value, database: world.databaseName)) == "old"
                }
                let position = try #require(remembered?.history.position)
                try await Self.write(server, upTo: position)
                leader.connection = try await world.connect()
                let now = try await Snapshot.take(on: leader.connection)
                #expect(now.history == remembered?.history, "else the gate is open anyway")
                try await leader.tick()
                #expect(try await world.get("t:\(id)")?.contains("old") == true)
            }
        }
    }

    // MARK: Back in time

    @Test("A server that lags is waited for, by a new leader too, and for 30 s at most")
    func lagging() async throws {
        try await Self.withPair { world, primary, standby in
            let dataset = try Dataset.table("t", ["t:{id}"])
            let leader = try await world.leader(of: dataset)
            try await leader.tick()
            let late = try await Self.connect(world, to: standby)
            try await Self.pause(late, world)
            try await world.sql("update t set v = 'new' where id = 1; insert into t values (6, 'new')")
            try await leader.tick()
            let filled = try await world.keyNames()
            #expect(filled.count == 6)
            try await Self.expectWaiting(leader, world, standby)
            // By turns: what answers in between is read, and waiting begins anew.
            try await leader.tickUntilItWorks()
            #expect(try await world.keyNames() == filled)
            try await Self.expectWaiting(world.leader(of: dataset), world, standby)

            let patient = try await world.leader(of: dataset)
            patient.connection = try await Self.connect(world, to: standby)
            #expect(await patient.troubleOfNextTick()?.contains("behind what was read already") == true)
            world.clock.advance(by: .seconds(30))
            patient.connection = try await Self.connect(world, to: standby)
            try await patient.tick()
            #expect(try await world.get("t:1")?.contains("old") == true)
            #expect(try await world.keyNames().count == 5)
            // It goes on from there, with the log that it was sent meanwhile.
            _ = try await late.query("select pg_wal_replay_resume()")
            try await primary.wait(for: standby)
            try await patient.tick()
            #expect(try await world.differences(in: "t", prefix: "t:") == [])
            await patient.connection.close()
            await late.close()
        }
    }

    /// Ticks for 27 s on the server that lags: nothing changes.
    private static func expectWaiting(_ leader: Leader, _ world: RefreshWorld, _ standby: LocalPostgres) async throws {
        let filled = try await world.keyNames()
        for _ in 1...3 {
            leader.connection = try await connect(world, to: standby)
            await #expect(throws: ServerLag.self) { try await leader.tick() }
            #expect(!leader.connection.isUsable, "the next one may find another server")
            world.clock.advance(by: .seconds(9))
        }
        #expect(try await world.get("t:1")?.contains("new") == true)
        #expect(try await world.keyNames() == filled)
    }

    @Test("Waiting is told and counted, and is no failure")
    func waitingIsTold() async throws {
        try await Self.withPair { world, _, standby in
            let dataset = try Dataset.table("t", ["t:{id}"], every: .milliseconds(20))
            let first = try await world.leader(of: dataset)
            try await first.tick()
            let late = try await Self.connect(world, to: standby)
            try await Self.pause(late, world)
            try await world.sql("update t set v = 'new' where id = 1")
            try await first.tick()
            let (log, registry) = (LogRecorder(), PrometheusRegistry())
            let term = try await world.elect()
            let pool = PostgresPool(
                PostgresConfiguration(
                    url: standby.url(database: world.databaseName), settings: PostgresSession.settings), limit: 1)
            let loop = DatasetLoop(
                pass: DatasetPass(
                    dataset: dataset, keyPrefix: "", keys: world.keys, fence: try world.fence(of: term),
                    redis: world.redis, clock: { Uptime.now }, meter: DatasetMeter("t", Instruments(registry))),
                term: term, pool: pool, logger: log.logger)
            let task = Task { await loop.run() }
            try await world.wait(until: "some ticks have waited") {
                registry.value(#"baton_ticks_behind_total{dataset="t"}"#) ?? 0 >= 3
            }
            let warnings = log.messages(at: .warning)
            #expect(warnings.count == 1 && warnings[0].hasPrefix("postgres lags"), "\(warnings)")
            #expect(registry.value(#"baton_pass_failures_total{dataset="t"}"#) ?? 0 == 0)
            #expect(try await world.get("t:1")?.contains("new") == true)
            _ = try await late.query("select pg_wal_replay_resume()")
            try await world.wait(until: "it goes on") {
                log.messages(at: .notice).contains { $0.hasPrefix("postgres has caught up") }
            }
            #expect(try await world.get("t:1")?.contains("new") == true)
            task.cancel()
            await task.value
            await pool.close()
            await late.close()
        }
    }
}

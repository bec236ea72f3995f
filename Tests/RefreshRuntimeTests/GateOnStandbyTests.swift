import CacheRefresh
import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading

/// A leader may read from a streaming standby: there the gate asks how far the log was replayed.
@Suite("The gate, on a standby", .serialized)
struct GateOnStandbyTests {
    private struct Pair: Sendable {
        let primary: LocalPostgres
        let standby: LocalPostgres
    }

    private static let servers = Task {
        var options = LocalPostgres.Options()
        options.configuration = ["autovacuum = off", "max_prepared_transactions = 5", "checkpoint_timeout = 1h"]
        let primary = try await LocalPostgres.start(options)
        return Pair(primary: primary, standby: try await primary.startStandby())
    }

    /// A world of the primary, and a leader that reads the same database on its standby.
    private static func with(
        _ dataset: Dataset, _ body: (RefreshWorld, Pair, Leader) async throws -> Void
    ) async throws {
        let servers = try await servers.value
        try await RefreshWorld.with(sql: GateTests.schema, postgres: servers.primary) { world in
            try await servers.primary.wait(for: servers.standby)
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(
                    url: servers.standby.url(database: world.databaseName), connectTimeout: .seconds(20),
                    settings: PostgresSession.settings))
            let leader = try await world.leader(of: dataset, on: connection)
            try await body(world, servers, leader)
            #expect(leader.connection === connection, "else it would have gone on at the primary")
            #expect(try await connection.query("select pg_is_in_recovery()").first?[0] == "t")
            await connection.close()
        }
    }

    @Test("A tick reads nothing where nothing was replayed, and reads after each kind of change")
    func opens() async throws {
        let changes = [
            "", "insert into t values (31, 31)", "update t set v = 0 where id = 1", "delete from t where id = 2",
            "begin; savepoint a; update t set v = 100 where id = 3; release a; commit",
            "begin; insert into t values (40, 40); rollback",
            "alter table t add column extra text default 'x'", "alter table t drop column extra",
            "begin; truncate t; insert into t (id, v) select n, n from generate_series(5, 30) n; commit",
            "create table other (id int)",
        ]
        try await Self.with(.table("t", ["t:{id}"])) { world, servers, leader in
            for change in changes {
                if !change.isEmpty { try await world.sql(change) }
                try await servers.primary.wait(for: servers.standby)
                #expect(try await leader.tick() != nil, "\(change) must be seen")
                #expect(try await world.differences(in: "t", prefix: "t:") == [], "\(change)")
                // A background process may write to the log now and then.
                try await world.wait(until: "the gate shuts after \(change)") { try await leader.tick() == nil }
            }
            // It is the standby's own position that counts, and not how far the primary is.
            _ = try await leader.connection.query("select pg_wal_replay_pause()")
            try await world.wait(until: "the replay pauses") {
                try await leader.connection.query("select pg_get_wal_replay_pause_state()").first?[0] == "paused"
            }
            try await world.sql("insert into t values (50, 50)")
            try await world.wait(until: "the gate is shut") { try await leader.tick() == nil }
            #expect(try await world.get("t:50") == nil)
            _ = try await leader.connection.query("select pg_wal_replay_resume()")
            try await servers.primary.wait(for: servers.standby)
            #expect(try await leader.tick() != nil)
            #expect(try await world.get("t:50") != nil)
        }
    }

    @Test("A commit that was under way at the primary during the snapshot is not missed")
    func commitUnderWay() async throws {
        try await Self.with(.table("t", ["t:{id}"])) { world, servers, leader in
            let writer = try await world.connect()
            for end in ["commit", "prepare transaction 'x'"] {
                try await writer.execute("begin; update t set v = v + 1 where id = 1")
                try await servers.primary.wait(for: servers.standby)
                for _ in 0..<3 { #expect(try await leader.tick() != nil) }
                try await writer.execute(end)
                for _ in 0..<3 { try await leader.tick() }
                if end != "commit" { try await writer.execute("commit prepared 'x'") }
                try await servers.primary.wait(for: servers.standby)
                try await leader.tick()
                #expect(try await world.differences(in: "t", prefix: "t:") == [])
                try await world.wait(until: "the gate shuts") { try await leader.tick() == nil }
            }
        }
    }

    @Test(
        "A writer hammers the primary while a leader ticks: what the standby shows is in the cache after one more tick")
    func hammer() async throws {
        try await Self.with(.table("t", ["t:{id}"], where: "id = 1")) { world, servers, leader in
            try await GateRace(rounds: 60).run(world, leader) { try await servers.primary.wait(for: servers.standby) }
        }
    }
}

import CacheRefresh
import LocalStack
import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import RefreshRuntime
@testable import Telemetry

@Suite("What the passes of a dataset cost and did, counted on real servers")
struct DatasetMeterTests {
    @Test("rows, keys, statements, commands and bytes are those that there were, and gauges end with the work")
    func counts() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            let registry = try await world.whileLeading([t]) { _, _, value in
                let passes = #"baton_pass_duration_seconds_count{dataset="t"}"#
                try await world.wait(until: "a second pass") { value(passes) ?? 0 >= 2 }
                #expect(value(#"baton_keys_written_total{dataset="t"}"#) == 5)
                #expect(value(#"baton_rows_changed_total{dataset="t"}"#) == 5)
                #expect(value(#"baton_rows_deleted_total{dataset="t"}"#) == 0)
                #expect(value(#"baton_redis_writes_total{dataset="t"}"#) == 5)
                #expect(value(#"baton_rows_set_aside{dataset="t"}"#) == 0)
                #expect(value(#"baton_rows_contested{dataset="t"}"#) == 0)
                #expect(value(#"baton_keys_held{dataset="t"}"#) == 0)
                // The first pass asks whether the database is empty, then sends one batch of five rows.
                #expect(value(#"baton_redis_commands_total{dataset="t"}"#) ?? 0 >= 2)
                #expect((100...5000).contains(value(#"baton_redis_bytes_total{dataset="t"}"#) ?? 0))
                // Each pass: the position, the transaction, the snapshot, the copy, the commit.
                #expect(value(#"baton_database_queries_total{dataset="t"}"#) ?? 0 >= 10)
                #expect(value(#"baton_database_seconds_total{dataset="t"}"#) ?? 0 > 0)
                #expect(value(#"baton_postgres_connections{state="busy"}"#) ?? 0 <= 1)
                try await world.sql("delete from t where id = 2")
                try await world.wait(until: "the deletion") { value(#"baton_rows_deleted_total{dataset="t"}"#) == 1 }
                #expect(value(#"baton_keys_deleted_total{dataset="t"}"#) == 1)
                let age = Double(WallClock.now.millisecondsSince1970) / 1000
                #expect(
                    (age - 600...age + 1).contains(value(#"baton_last_success_timestamp_seconds{dataset="t"}"#) ?? 0))
                #expect(value(#"baton_tick_interval_seconds_count{dataset="t"}"#) ?? 0 >= 1)
            }
            // What was counted stays; what was only true while it was refreshed here does not.
            #expect(registry.value(#"baton_keys_written_total{dataset="t"}"#) == 5)
            let gauges = [
                "baton_last_success_timestamp_seconds", "baton_rows_set_aside", "baton_rows_contested",
                "baton_keys_held", "baton_refreshed_since_timestamp_seconds",
            ]
            for gauge in gauges {
                #expect(registry.value("\(gauge){dataset=\"t\"}") == nil)
            }
            for state in ["idle", "busy"] {
                #expect(registry.value("baton_postgres_connections{state=\"\(state)\"}") == 0)
            }
        }
    }

    @Test("failures and rows that are set aside are counted, and a later term counts on")
    func failures() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            var t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            t.maxValueBytes = 64
            try await world.sql("update t set v = repeat('x', 100) where id = 3")
            try await world.whileLeading([t]) { _, _, value in
                try await world.wait(until: "it is set aside") { value(#"baton_rows_set_aside{dataset="t"}"#) == 1 }
                try await world.sql("alter table t rename to gone")
                try await world.wait(until: "passes fail") {
                    value(#"baton_pass_failures_total{dataset="t"}"#) ?? 0 >= 1
                }
            }
        }
    }

    @Test("a leader who can't ask PostgreSQL at all counts that as failures of each dataset")
    func withoutPostgres() async throws {
        try await RefreshWorld.onRedisOnly { world in
            let registry = PrometheusRegistry()
            let files = try ConfigurationFixture(
                """
                version: 1
                postgres: { url: "postgresql://127.0.0.1:1/none" }
                redis: { main: { url: "\(world.redisURL)" } }

                """, datasets: "version: 1\ndatasets: { t: { table: t, key: \"t:{id}\" } }\n")
            let service = RefreshService(
                configuration: try files.load(), keys: world.keys, deployment: "test",
                redis: ["main": try world.makeClient()],
                logger: RefreshWorld.quiet, metrics: registry)
            let term = try await world.elect()
            let task = Task { await service.lead(term) }
            try await world.wait(until: "failures") {
                registry.value(#"baton_pass_failures_total{dataset="t"}"#) ?? 0 >= 2
            }
            task.cancel()
            await task.value
        }
    }

    @Test("what Redis refuses is counted as that, and not as done")
    func refused() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables, redis: .init()) { world in
            let t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            try await world.whileLeading([t]) { _, _, value in
                let written = #"baton_keys_written_total{dataset="t"}"#
                try await world.wait(until: "a full cache") { value(written) == 5 }
                try await world.command("ACL", "SETUSER", "default", "-set")
                try await world.sql("update t set v = 'new'")
                try await world.wait(until: "refusals") { value(#"baton_keys_refused_total{dataset="t"}"#) ?? 0 >= 5 }
                #expect(value(written) == 5)
                try await world.command("ACL", "SETUSER", "default", "+set")
                try await world.wait(until: "they are written") { value(written) == 10 }
            }
        }
    }

    @Test("rows that want one key are counted")
    func contested() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            try await world.sql("update t set v = 'one' where id in (2, 4)")
            let t = try Dataset.table("t", ["t:{v}"], changes: .snapshot, every: .milliseconds(20))
            try await world.whileLeading([t]) { _, _, value in
                try await world.wait(until: "one of them goes without") {
                    value(#"baton_rows_contested{dataset="t"}"#) == 1
                }
                try await world.sql("update t set v = 'two' where id = 4")
                try await world.wait(until: "each has its own") { value(#"baton_rows_contested{dataset="t"}"#) == 0 }
            }
        }
    }

    @Test("the statistics of the last minute are in Redis, by dataset, and those of what is gone are not")
    func lastMinute() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            let u = try Dataset.table("u", ["u:{id}"], changes: .snapshot, every: .milliseconds(20))
            try await world.whileLeading([t, u]) { service, term, _ in
                var statistics: GroupStatistics?
                try await world.wait(until: "statistics of both") {
                    statistics = try await world.command("GET", world.keys.statistics).bytes.flatMap {
                        GroupStatistics($0)
                    }
                    return statistics?.entries.map(\.dataset) == ["t", "u"]
                }
                #expect(statistics?.epoch == "\(term.epoch)")
                let first = try #require(statistics?.entries.first?.statistics)
                #expect(first.passes > 0 && first.failures == 0)
                #expect(try #require(first.passMilliseconds) > 0)
                #expect(try #require(first.intervalMilliseconds) >= 15)
                #expect(first.queriesPerSecond > 0 && first.writesPerSecond > 0)
                let left = try #require(try await world.command("PTTL", world.keys.statistics).int)
                #expect((1...60_000).contains(left))
                service.replace(datasets: [u])
                try await world.wait(until: "statistics of one") {
                    let text = try await world.command("GET", world.keys.statistics).string
                    return text.flatMap { GroupStatistics($0.utf8) }?.entries.map(\.dataset) == ["u"]
                }
            }
        }
    }
}

import CacheRefresh
import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import Operations
@testable import RefreshRuntime
@testable import Telemetry

/// What operators see and can do while the Redis that keeps the group's notes is itself in trouble.
@Suite("A Redis in trouble does not hide itself")
struct TroubledRedisTests {
    private static let requester = Requester(name: "anna", reason: "")

    @Test("A full one: pause, resume, confirm and step down work, and the history misses nothing")
    func requestsOnAFullRedis() async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server)
            let first = try ElectionReplica("pod-1", bench)
            _ = try await first.elected()
            let second = try ElectionReplica("pod-2", bench)
            let inspector = try bench.inspector
            try await eventually("both are there") { try await inspector.status().view.present.count == 2 }
            try await bench.send("CONFIG", "SET", "maxmemory", "1")
            // The test of the test: an ordinary write is refused.
            await #expect(throws: RedisError.self) { try await bench.send("SET", "x", "y") }

            let quiet = RequestProgress { _ in }
            let status = try await inspector.pause(for: .seconds(60), Self.requester, patience: .seconds(20), quiet)
            #expect(status == .done)
            #expect(try await inspector.status().view.pause != nil)
            #expect(try await inspector.resume(Self.requester, quiet) == .done)
            #expect(try await inspector.stepDown(for: nil, Self.requester, patience: .seconds(20), quiet) == .done)
            try await eventually("pod-2's work begins") { second.work.elected.count == 1 }
            let term = try #require(second.work.elected.last)
            let store = try bench.store("pod-2")
            await store.recordLost(Term(lease: term.lease, deadline: Moment(sinceOrigin: .zero)), .deadline)
            await store.close()
            #expect(
                try await bench.history() == [
                    "elected lease-free", "paused ", "resumed ", "step-down-requested ", "resigned step-down",
                    "elected lease-free", "lost deadline",
                ])
            await first.close()
            await second.close()
        }
    }

    @Test("A full one: what fails and why is in the status and stays there, and the brake can be let go")
    func statisticsOnAFullRedis() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables, redis: .init()) { world in
            let t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            let inspector = Inspector(try world.configuration([t]), path: "test.yaml")
            try await world.whileLeading([t]) { _, _, _ in
                try await world.wait(until: "it is told") { try await inspector.status().view.statistics != nil }
                #expect(try await inspector.status().refusalOfWrites == nil)
                try await world.command("CONFIG", "SET", "maxmemory", "1")
                try await world.sql("update t set v = 'new'")
                try await world.command("PEXPIRE", world.keys.statistics, "19000")
                try await world.wait(until: "it is told again") {
                    let left = try await world.command("PTTL", world.keys.statistics).int ?? 0
                    let statistics = try await inspector.status().view.statistics?.entries.first?.statistics
                    return left > 19_000 && statistics?.problem != nil
                }
                let report = try await inspector.status()
                let statistics = try #require(report.view.statistics?.entries.first?.statistics)
                #expect(statistics.failures > 0)
                #expect(statistics.problem?.contains("maxmemory") == true)
                let text = report.text(TextLayout())
                #expect(text.contains("redis     takes no writes: Redis has reached its maxmemory"), "\(text)")
                #expect(text.contains("  problem   t: "), "\(text)")
                #expect(report.json.contains(#""writesRefused": "Redis has reached"#))
                _ = try await inspector.confirm(dataset: "t")
            }
        }
    }

    @Test("What Redis refuses makes a failing pass, with the reason")
    func refusedKeys() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables, redis: .init()) { world in
            let t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            let inspector = Inspector(try world.configuration([t]), path: "test.yaml")
            try await world.whileLeading([t]) { _, _, value in
                let succeeded = #"baton_last_success_timestamp_seconds{dataset="t"}"#
                try await world.wait(until: "a success") { value(succeeded) != nil }
                try await world.command("ACL", "SETUSER", "default", "-unlink")
                try await world.sql("delete from t where id = 2")
                try await world.wait(until: "the failure is told") {
                    let statistics = try await inspector.status().view.statistics?.entries.first?.statistics
                    return statistics?.problem?.hasPrefix("Redis refused keys: ") == true
                        && statistics?.failures ?? 0 > 0
                }
                #expect(value(#"baton_pass_failures_total{dataset="t"}"#) ?? 0 > 0)
                let last = value(succeeded)
                try await Task.sleep(for: .milliseconds(200))
                #expect(value(succeeded) == last, "a refused pass is no success")
                try await world.command("ACL", "SETUSER", "default", "+unlink")
                try await world.wait(until: "it is over") {
                    try await inspector.status().view.statistics?.entries.first?.statistics.problem == nil
                }
            }
        }
    }

    @Test("What the brake holds is in the status: how much, since when, until when, and how to let it go")
    func brake() async throws {
        try await RefreshWorld.with(
            sql:
                "create table t (id int primary key, v text); insert into t select n, 'x' from generate_series(1, 30) n"
        ) { world in
            var t = try Dataset.table("t", ["t:{id}"], changes: .snapshot, every: .milliseconds(20))
            t.confirmAfter = .seconds(600)
            let inspector = Inspector(try world.configuration([t]), path: "test.yaml")
            try await world.whileLeading([t]) { _, _, value in
                try await world.wait(until: "a full cache") { try await world.keyNames().count == 30 }
                try await world.sql("delete from t where id > 10")
                try await world.wait(until: "the brake holds") {
                    try await inspector.status().view.statistics?.entries.first?.statistics.held != nil
                }
                let report = try await inspector.status()
                let held = try #require(report.view.statistics?.entries.first?.statistics.held)
                #expect(held.keys == 20)
                #expect(abs(held.forMilliseconds + held.leftMilliseconds - 600_000) < 1)
                #expect(held.leftMilliseconds > 500_000)
                let text = report.text(TextLayout())
                #expect(text.contains("  brake     t: 20 deletions held for "), "\(text)")
                #expect(text.contains("done in 9 m") && text.contains("`baton confirm t`"), "\(text)")
                #expect(report.json.contains(#""keys": 20"#))
                try await world.wait(until: "confirmed") {
                    _ = try await inspector.confirm(dataset: "t")
                    return try await world.keyNames().count == 10
                }
                try await world.wait(until: "nothing is held") {
                    try await inspector.status().view.statistics?.entries.first?.statistics.held == nil
                }
            }
        }
    }

    @Test("A first pass that never ends has a series from its start, and shows in the status")
    func endlessFirstPass() async throws {
        try await RefreshWorld.with(sql: RefreshWorld.twoTables) { world in
            let slow = try Dataset.query(
                "select id, pg_sleep(600)::text as v from t", name: "slow", identity: ["id"], ["slow:{id}"])
            let inspector = Inspector(try world.configuration([slow]), path: "test.yaml")
            let registry = try await world.whileLeading([slow]) { _, _, value in
                let since = #"baton_refreshed_since_timestamp_seconds{dataset="slow"}"#
                try await world.wait(until: "a series") { value(since) != nil }
                let age = Double(WallClock.now.millisecondsSince1970) / 1000 - (value(since) ?? 0)
                #expect((0...60).contains(age))
                try await world.wait(until: "it shows") {
                    try await inspector.status().view.statistics?.entries.first?.statistics.runningMilliseconds ?? 0
                        > 1000
                }
                #expect(value(#"baton_last_success_timestamp_seconds{dataset="slow"}"#) == nil)
            }
            #expect(registry.value(#"baton_refreshed_since_timestamp_seconds{dataset="slow"}"#) == nil)
        }
        let statistics = DatasetStatistics(
            passes: 0, queriesPerSecond: 1, writesPerSecond: 0, failures: 0, runningMilliseconds: 75_000)
        #expect(statistics.slowness == "goes on for 1 m 15 s; none has succeeded yet in this term")
    }

    @Test("One that wants more replicas than it has: nobody leads, and status and check say why")
    func tooFewReplicas() async throws {
        try await InspectionFixture.with { fixture in
            try await fixture.send(["CONFIG", "SET", "min-replicas-to-write", "1"])
            let report = try await fixture.inspector().status()
            #expect(report.status == .no)
            #expect(
                report.text(TextLayout(columns: 80)).contains(
                    "redis     takes no writes: Redis has too few replicas to accept writes"))
            let problems = try await fixture.inspector().check().texts(.problem, in: "main")
            #expect(problems.count == 1 && problems[0].contains("min-replicas-to-write"), "\(problems)")
        }
    }
}

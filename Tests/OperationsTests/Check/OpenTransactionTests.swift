import CacheRefresh
import LocalStack
import Logging
import PostgresClient
import TestSupport
import Testing

@testable import DatasetReading
@testable import GroupState
@testable import Operations
@testable import RefreshRuntime
@testable import Telemetry

/// On a PostgreSQL of their own: any transaction of anybody keeps the gate open.
@Suite("Transactions that keep the gate open", .serialized)
struct OpenTransactionTests {
    private static let server = Task {
        var options = LocalPostgres.Options()
        options.configuration = ["autovacuum = off", "max_prepared_transactions = 5"]
        return try await LocalPostgres.start(options)
    }
    private static let schema = "create table t (id int primary key, v int); insert into t values (1, 1)"

    @Test("are found by anybody who may connect, with who it is and how old")
    func found() async throws {
        try await RefreshWorld.with(sql: Self.schema, postgres: try await Self.server.value) { world in
            let watcher = try await world.connect(as: world.makeUser())
            #expect(try await OpenTransaction.find(on: watcher) == nil)
            let writer = try await world.connect()
            try await writer.execute("begin; update t set v = 2")
            let id = try #require(
                try await writer.query("select pg_current_xact_id()").first?[0].flatMap { UInt64($0) })
            let process = try #require(try await OpenTransaction.find(id, on: watcher))
            #expect(process.owner == .process(pid: "\(writer.backendPID)"))
            #expect("\(process)".contains("pg_terminate_backend(\(writer.backendPID))"))
            let seenByItsOwn = try #require(try await OpenTransaction.find(on: world.connect()))
            #expect(seenByItsOwn.age != nil && seenByItsOwn.database == world.databaseName)
            try await writer.execute("prepare transaction 'forgot''ten\"\u{301}'")
            let prepared = try #require(try await OpenTransaction.find(on: watcher))
            #expect(prepared.owner == .prepared(gid: "forgot'ten\"\u{301}"))
            #expect(prepared.age != nil && prepared.database == world.databaseName)
            for (patience, isTold) in [(Duration.zero, true), (.seconds(3600), false)] {
                var section = CheckReport.Section(.postgres, "", title: "")
                let inspection = PostgresInspection(
                    connection: try await world.connect(), hosts: [], gatePatience: patience)
                _ = try await inspection.inspect(&section)
                #expect(section.findings.contains { $0.text.contains("it is the prepared transaction") } == isTold)
            }
            try await writer.execute("commit prepared 'forgot''ten\"\u{301}'")
            #expect(try await OpenTransaction.find(on: watcher) == nil)
        }
    }

    @Test("are told when they last: in the log once a minute, in the status until they end")
    func told() async throws {
        try await RefreshWorld.with(sql: Self.schema, postgres: try await Self.server.value) { world in
            let meter = DatasetMeter("t", .discarded)
            try await world.whileLooping(
                .table("t", ["t:{id}"], every: .milliseconds(20)), gatePatience: .milliseconds(300), meter: meter
            ) { log, _ in
                try await world.wait(until: "the cache is filled") { try await world.keyNames().count == 1 }
                let writer = try await world.connect()
                try await writer.execute("begin; update t set v = 3")
                try await world.wait(until: "it is told") { !log.messages(at: .warning).isEmpty }
                #expect(log.messages(at: .warning)[0].contains("process \(writer.backendPID)"))
                #expect(meter.lastMinute.gate?.contains("process \(writer.backendPID)") == true)
                try await writer.execute("prepare transaction 'x'")
                let passes = log.messages(at: .debug).count
                try await world.wait(until: "ticks go on") { log.messages(at: .debug).count > passes + 10 }
                #expect(log.messages(at: .warning).count == 1)
                let entry = GroupStatistics.Entry(dataset: "t", statistics: meter.lastMinute)
                let statistics = GroupStatistics(epoch: "7", entries: [entry])
                #expect(
                    try #require(GroupStatistics(statistics.text.utf8)).entries[0].statistics.gate
                        == meter.lastMinute.gate)
                try await writer.execute("commit prepared 'x'")
                try await world.wait(until: "the gate shuts") { meter.lastMinute.gate == nil }
            }
        }
    }

    @Test("only one that stays counts, and the gate must be of use")
    func watch() {
        func snapshot(_ horizon: UInt64, isQuiet: Bool = false) -> Snapshot {
            let history = ServerHistory(
                system: "7", database: "app", start: 1, timeline: 1, isStandby: false, position: WALPosition(bytes: 9))
            return Snapshot(history: history, durable: history.position, horizon: horizon, isQuiet: isQuiet)
        }
        var watch = GateWatch()
        #expect(watch.judge(snapshot(7), at: .seconds(0)) == .fine)
        #expect(watch.judge(snapshot(8), at: .seconds(50)) == .fine)
        #expect(watch.judge(snapshot(8), at: .seconds(100)) == .fine)
        #expect(watch.judge(snapshot(8), at: .seconds(110)) == .open(id: 8, atLeast: .seconds(60)))
        #expect(watch.judge(snapshot(8), at: .seconds(120)) == .unchanged)
        #expect(watch.judge(snapshot(8), at: .seconds(170)) == .open(id: 8, atLeast: .seconds(120)))
        #expect(watch.judge(snapshot(9), at: .seconds(180)) == .fine)
        #expect(watch.judge(snapshot(9), at: .seconds(240)) == .open(id: 9, atLeast: .seconds(60)))
        #expect(watch.judge(snapshot(9, isQuiet: true), at: .seconds(241)) == .fine)
        #expect(watch.judge(snapshot(9), at: .seconds(242)) == .fine)
        #expect(watch.judge(nil, at: .seconds(400)) == .fine)
    }
}

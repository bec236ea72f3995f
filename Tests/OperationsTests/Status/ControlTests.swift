import LeaderElection
import LocalStack
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import Operations

/// What operators ask and request, of replicas that run.
@Suite struct ControlTests {
    private func withReplicas(
        _ names: String..., timing: ElectionTiming = ElectionBench.haste,
        body: (ElectionBench, Inspector, [String: ElectionReplica]) async throws -> Void
    ) async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server, timing: timing)
            var replicas: [String: ElectionReplica] = [:]
            for name in names {
                replicas[name] = try ElectionReplica(name, bench)
                // The first one leads.
                if replicas.count == 1 { _ = try await replicas[name]?.elected() }
            }
            try await eventually("all say that they are there") {
                try await bench.inspector.status().view.present.count == names.count
            }
            try await waitUntilAllListen(bench, replicas)
            try await body(bench, (try bench.inspector), replicas)
            for replica in replicas.values { await replica.close() }
        }
    }

    /// Waits until requests and releases reach all of them: who has stepped down begins to listen anew.
    private func waitUntilAllListen(_ bench: ElectionBench, _ replicas: [String: ElectionReplica]) async throws {
        let over = replicas.values.flatMap { $0.work.elected }.filter { !$0.isLive() }.map { bench.keys.live($0.token) }
        try await eventually("all listen") {
            let channels = try await bench.send("PUBSUB", "CHANNELS", bench.keys.live("*")).array ?? []
            return channels.count == replicas.count && !channels.contains { over.contains($0.string ?? "") }
        }
    }

    @Test func whateverIsAcceptedIsReadBack() async throws {
        // As JSON writes it, each of these bytes is six.
        let name = String(repeating: "\u{1}", count: 200)
        let requester = Requester(name: name + "@laptop", reason: String(repeating: "\u{2}", count: 1000))
        try await withReplicas(name, "heir") { _, inspector, _ in
            _ = try await inspector.pause(for: .seconds(60), requester, patience: .zero, Lines().progress)
            _ = try await inspector.stepDown(for: "heir", requester, patience: nil, Lines().progress)
            let view = try await inspector.status().view
            #expect(view.leader?.name == name || view.leader?.name == "heir")
            #expect(view.pause?.by == requester.name && view.pause?.reason == requester.reason)
            #expect(view.present.count == 2 && view.unreadable.isEmpty && !view.leaseIsGarbage)
            #expect(try await inspector.checkKeys().repairable.isEmpty)
        }
    }

    @Test func theLeaderStepsDownAndDoesNotComeBackAtOnce() async throws {
        try await withReplicas("pod-1", "pod-2", timing: ElectionBench.patience) { bench, inspector, replicas in
            let lines = Lines()
            let status = try await inspector.stepDown(
                for: nil, Requester(name: "anna@laptop", reason: "a try"), patience: .seconds(20), lines.progress)
            #expect(status == .done)
            #expect(lines.all.first?.hasPrefix("before     pod-1 leads with epoch ") == true)
            #expect(lines.all.last?.hasPrefix("after      pod-2 leads with epoch ") == true)
            try await eventually("pod-2's work begins") { replicas["pod-2"]?.work.elected.count == 1 }
            #expect(replicas["pod-1"]?.work.elected.count == 1)
            #expect(
                try await bench.history()
                    == ["elected lease-free", "step-down-requested a try", "resigned step-down", "elected lease-free"])
            // Though it hears that the lease is free, the old leader leaves it to others.
            await replicas["pod-2"]?.close()
            try await Task.sleep(for: .milliseconds(500))
            #expect(replicas["pod-1"]?.work.elected.count == 1)
        }
    }

    @Test(arguments: ["pod-2", "pod-3"]) func theLeaderStepsDownForTheReplicaThatIsNamed(_ heir: String) async throws {
        try await withReplicas("pod-1", "pod-2", "pod-3", timing: ElectionBench.patience) {
            bench, inspector, replicas in
            let status = try await inspector.stepDown(
                for: heir, Requester(name: "anna", reason: ""), patience: .seconds(20), RequestProgress { _ in })
            #expect(status == .done)
            try await eventually("the heir's work begins") { replicas[heir]?.work.elected.count == 1 }
            #expect(try await inspector.status().view.leader?.name == heir)
            #expect(try await bench.send("EXISTS", bench.keys.requests).int == 0)
            // Back to the first one at once, though it stands back for a TTL.
            try await waitUntilAllListen(bench, replicas)
            #expect(
                try await inspector.stepDown(
                    for: "pod-1", Requester(name: "anna", reason: ""), patience: .seconds(20), RequestProgress { _ in })
                    == .done)
            #expect(try await inspector.status().view.leader?.name == "pod-1")
            try await waitUntilAllListen(bench, replicas)
            #expect(
                try await inspector.stepDown(
                    for: heir, Requester(name: "anna", reason: ""), patience: .seconds(20), RequestProgress { _ in })
                    == .done
            )
            // Again: it leads already.
            let lines = Lines()
            let again = try await inspector.stepDown(
                for: heir, Requester(name: "anna", reason: ""), patience: nil, lines.progress)
            #expect(again == .done && lines.all.first?.hasSuffix("nothing to do") == true)
        }
    }

    @Test func stepsThatCannotBeTakenAreRefused() async throws {
        try await withReplicas("pod-1") { bench, inspector, _ in
            let requester = Requester(name: "anna", reason: "")
            let lines = Lines()
            #expect(try await inspector.stepDown(for: nil, requester, patience: nil, lines.progress) == .no)
            #expect(lines.all.last?.contains("only replica") == true)
            let second = try ElectionReplica("pod-2", bench)
            try await eventually("pod-2 is there") { try await inspector.status().view.present.count == 2 }
            #expect(try await inspector.stepDown(for: "pod-7", requester, patience: nil, lines.progress) == .no)
            #expect(lines.all.last == "refused  No follower `pod-7` was seen lately. There are: pod-2.")
            #expect(try await bench.send("EXISTS", bench.keys.requests).int == 0)
            await second.close()
        }
        let bench = try await ElectionBench.onSharedRedis()
        let lines = Lines()
        let status = try await bench.inspector.stepDown(
            for: nil, Requester(name: "anna", reason: ""), patience: nil, lines.progress)
        #expect(status == .no && lines.all.last?.contains("Nobody leads") == true)
    }

    /// The request is for one epoch: it does no harm to a later term.
    @Test func aRequestIsForOneTermOnly() async throws {
        try await withReplicas("pod-1", "pod-2") { bench, inspector, replicas in
            let epoch = try #require(try await inspector.status().view.leader?.epoch)
            let request = #"{"format":1,"epoch":"1\#(epoch)","to":"","by":"anna","reason":""}"#
            try await bench.send("HSET", bench.keys.requests, "step-down", request)
            try await bench.send("PUBLISH", bench.keys.requested, "step-down")
            try await Task.sleep(for: bench.timing.renewEvery * 2)
            #expect(replicas["pod-1"]?.work.elected.last?.isLive() == true)
        }
    }

    @Test func aPauseIsKeptByWhoeverLeadsAndEndsByItself() async throws {
        try await withReplicas("pod-1", "pod-2", timing: ElectionBench.patience) { bench, inspector, replicas in
            let requester = Requester(name: "anna", reason: "restoring")
            let first = try #require(replicas["pod-1"]?.work.elected.last)
            // A pass goes on: the pause waits for it.
            #expect(await first.beginPass())
            #expect(
                try await inspector.pause(
                    for: .seconds(60), requester, patience: .milliseconds(300), RequestProgress { _ in }) == .timedOut)
            try await eventually("the leader waits for the pass") { first.pauseState() == .pausing }
            first.passEnded()
            let lines = Lines()
            #expect(
                try await inspector.pause(for: .seconds(60), requester, patience: .seconds(20), lines.progress) == .done
            )
            #expect(lines.all.first?.hasPrefix("before     paused until ") == true)
            #expect(lines.all.last == "after      pod-1 leads and writes nothing")
            #expect(try await inspector.status().text(TextLayout()).contains("by anna: restoring"))

            #expect(
                try await inspector.stepDown(for: nil, requester, patience: .seconds(20), RequestProgress { _ in })
                    == .done)
            try await eventually("pod-2's work begins") { replicas["pod-2"]?.work.elected.isEmpty == false }
            let second = try #require(replicas["pod-2"]?.work.elected.last)
            #expect(second.pauseState() == .paused)

            #expect(try await inspector.resume(requester, RequestProgress { _ in }) == .done)
            try await eventually("the pause is over") { second.pauseState() == .none }
            #expect(await second.beginPass())
            second.passEnded()
            #expect(try await inspector.resume(requester, lines.progress) == .done)
            #expect(lines.all.last == "before     not paused: nothing to do")

            #expect(
                try await inspector.pause(for: .seconds(5), requester, patience: .seconds(20), RequestProgress { _ in })
                    == .done)
            try await eventually("the pause has ended by itself") { second.pauseState() == .none }
            #expect(await second.beginPass())
            second.passEnded()
        }
    }

    @Test func theStatusShowsTheLastMinuteOfThePresentLeaderOnly() async throws {
        try await withReplicas("pod-1") { bench, inspector, _ in
            let before = try await inspector.status()
            #expect(before.view.statistics == nil && before.json.contains(#""lastMinute": null"#))
            let statistics = DatasetStatistics(
                passes: 60, passMilliseconds: 12.34, longestPassMilliseconds: 50, intervalMilliseconds: 1000,
                longestIntervalMilliseconds: 1200, queriesPerSecond: 7, writesPerSecond: 0.5, failures: 2,
                problem: "a table is gone")
            let entries = [GroupStatistics.Entry(dataset: "merchants", statistics: statistics)]
            let epoch = try #require(before.view.leader?.epoch)
            try await bench.send("SET", bench.keys.statistics, GroupStatistics(epoch: epoch, entries: entries).text)
            let report = try await inspector.status()
            #expect(
                report.text(TextLayout()).contains(
                    "  merchants  60      12 ms  50 ms    1.00 s    7.0        0.5       2\n"
                        + "  problem   merchants: a table is gone\n"))
            #expect(report.json.contains(#""passMilliseconds": 12.34"#))
            try await bench.send(
                "SET", bench.keys.statistics, GroupStatistics(epoch: "1\(epoch)", entries: entries).text)
            #expect(try await inspector.status().view.statistics == nil)
            try await bench.send("SET", bench.keys.statistics, "garbage")
            #expect(try await inspector.status().view.statistics == nil)
        }
    }

    @Test func theStatusSaysWhoLeadsAndWhoIsThere() async throws {
        try await withReplicas("pod-1", "pod-2") { bench, inspector, replicas in
            let report = try await inspector.status()
            #expect(report.status == .done)
            #expect(report.view.leader?.name == "pod-1" && report.view.listeners == 1)
            #expect(report.view.present.map { "\($0.name) \($0.state)" } == ["pod-1 leader", "pod-2 follower"])
            let text = report.text(TextLayout())
            #expect(text.contains("leader    pod-1, epoch ") && text.contains("REPLICA  STATE"))
            #expect(report.json.contains(#""name": "pod-1""#))
            for replica in replicas.values { await replica.close() }
            let after = try await inspector.status()
            #expect(after.status == .no && after.view.present.isEmpty)
            #expect(after.text(TextLayout()).contains("leader    none"))
            let history = try await inspector.history(limit: 100)
            #expect(history.entries.first?.event == "elected" && history.entries.last?.event == "resigned")
            #expect(history.text.hasPrefix("TIME "))
            #expect(try await inspector.history(limit: 1).entries.count == 1)
            _ = bench
        }
    }
}

/// Lines that were told.
final class Lines: Sendable {
    private let told = Mutex<[String]>([])
    var all: [String] { told.withLock { $0 } }
    var progress: RequestProgress { RequestProgress { line in self.told.withLock { $0.append(line) } } }
}

extension ElectionBench {
    /// For somebody who has the configuration.
    var inspector: Inspector {
        get throws {
            var configuration = Configuration(
                group: group, keyPrefix: "staging:", postgres: .init(url: "postgresql://127.0.0.1/nowhere"),
                redis: ["main": .init(url: try RedisURL(redis.url))])
            configuration.lease.timing = timing
            return Inspector(configuration, path: "test.yaml")
        }
    }
}

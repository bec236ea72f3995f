import CacheRefresh
import Glibc
import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import Operations

/// What operators type, as processes: what is printed, what is refused, and with which status it ends.
@Suite("The operator's commands, as programs")
struct OperatorCommandTests {
    static let commands = ["status", "history", "step-down", "pause", "resume", "fsck"]

    @Test("help with every command, with examples", arguments: commands)
    func help(_ command: String) async throws {
        let run = try await BatonProgram.run("baton help \(command)", in: ConfigurationFixture())
        #expect(run.status == 0 && run.errors == "")
        #expect(run.output.contains("EXAMPLES") && run.output.contains("baton \(command)"))
        #expect(run.output.contains("--config"))
    }

    @Test(
        "refuse a wrong command line",
        arguments: [
            "baton status --watch=1", "baton status now", "baton history --limit 0", "baton history --limit many",
            "baton step-down --to", "baton step-down --timeout soon", "baton step-down pod-1", "baton pause --for",
            "baton pause --for 10", "baton pause --for -1m", "baton resume --for 1m", "baton fsck --yes",
            "baton fsck --repair now",
        ])
    func usage(_ line: String) async throws {
        let run = try await BatonProgram.run(line, in: ConfigurationFixture())
        #expect(run.status == Operations.ExitStatus.usage.rawValue)
        #expect(run.output == "" && run.errors.contains("Usage:"), "\(run.errors)")
    }

    @Test("list all mistakes of the configuration on the standard error", arguments: commands)
    func configuration(_ command: String) async throws {
        let files = try ConfigurationFixture("version: 1\nnonsense: 1\nlease: { ttl: 1 }\n")
        let run = try await BatonProgram.run("baton \(command) --config baton.yaml", in: files)
        #expect(run.status == Operations.ExitStatus.configuration.rawValue)
        #expect(run.output == "")
        #expect(run.errors.contains("baton.yaml:2:1: nonsense") && run.errors.contains("baton.yaml:3:"))
    }

    @Test("say in one line that Redis can't be reached", arguments: commands)
    func unreachable(_ command: String) async throws {
        let run = try await BatonProgram.run(
            "BATON_REDIS_MAIN_URL=redis://127.0.0.1:1 baton \(command) --config baton.yaml", in: ConfigurationFixture())
        #expect(run.status == Operations.ExitStatus.unavailable.rawValue)
        #expect(run.output == "")
        #expect(run.errors.hasPrefix("baton: ") && run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }

    @Test("say in one line that Redis refuses the password", arguments: commands)
    func wrongPassword(_ command: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let run = try await BatonProgram.run(
            """
            BATON_REDIS_MAIN_USERNAME=nobody BATON_REDIS_MAIN_PASSWORD=hush baton \(command) --config baton.yaml
            """, in: bench.files())
        #expect(run.status == Operations.ExitStatus.refused.rawValue)
        #expect(run.output == "")
        #expect(run.errors.hasPrefix("baton: ") && !run.errors.contains("hush"), "\(run.errors)")
    }

    // MARK: Requests

    @Test("a pause lasts from a second to a week", arguments: ["1s", "168h", "6h30m"])
    func pauseWithinLimits(_ span: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let run = try await BatonProgram.run("baton pause --for \(span) --config baton.yaml", in: bench.files())
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("before     not paused") && run.output.contains("after      nobody leads"))
        let view = try await bench.inspector.status().view
        let wanted = try #require(DurationText.parse(span)).milliseconds
        let left = view.pause.map { $0.untilMilliseconds - view.nowMilliseconds } ?? 0
        #expect(left <= wanted)
        // It was requested a moment ago.
        if span != "1s" { #expect(left > wanted - 60_000) }
        #expect(try await bench.inspector.history(limit: 1).entries.last?.event == "paused")
    }

    @Test("any other pause is refused, and nothing is requested", arguments: ["0s", "999ms", "168h1ms", "8760h"])
    func pauseBeyondLimits(_ span: String) async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let run = try await BatonProgram.run("baton pause --for \(span) --config baton.yaml", in: bench.files())
        #expect(run.status == Operations.ExitStatus.usage.rawValue)
        #expect(run.errors.contains("--for is between 1s and 168h"), "\(run.errors)")
        #expect(try await bench.send("EXISTS", bench.keys.requests).int == 0)
    }

    @Test("a handover that nobody can take is refused with 1")
    func refused() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let files = try bench.files()
        func stepDown(_ options: String = "") async throws -> BatonProgram.Run {
            try await BatonProgram.run("baton step-down \(options) --config baton.yaml", in: files)
        }
        let nobody = try await stepDown()
        #expect(nobody.status == Operations.ExitStatus.no.rawValue && nobody.output.contains("Nobody leads"))
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(), "PX", "600000")
        let alone = try await stepDown()
        #expect(alone.status == Operations.ExitStatus.no.rawValue && alone.output.contains("only replica"))
        _ = try await bench.store().present(bench.replicaInfo("pod-1"))
        let unknown = try await stepDown("--to pod-7")
        #expect(unknown.status == Operations.ExitStatus.no.rawValue && unknown.output.contains("There are: pod-1."))
        #expect(try await bench.send("EXISTS", bench.keys.requests).int == 0)
    }

    /// The leader is one that does not exist, so that it applies nothing.
    @Test("a request that is not met in time ends with 75, and stands")
    func timedOut() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let files = try bench.files()
        try await bench.send("SET", bench.keys.lease, bench.foreignLease(), "PX", "600000")
        _ = try await bench.store().present(bench.replicaInfo("pod-1"))
        let stepDown = try await BatonProgram.run(
            "USER=anna baton step-down --wait --timeout 1s --reason 'a try' --config baton.yaml", in: files)
        #expect(stepDown.status == Operations.ExitStatus.timedOut.rawValue, "\(stepDown.errors)")
        #expect(stepDown.output.hasPrefix("before     pod-9 leads with epoch 500\n"))
        #expect(stepDown.output.contains("requested  that it steps down: a try\n"))
        #expect(stepDown.output.hasSuffix("after      nobody else leads yet; see `baton status`\n"))
        let pause = try await BatonProgram.run("baton pause --timeout 1s --config baton.yaml", in: files)
        #expect(pause.status == Operations.ExitStatus.timedOut.rawValue, "\(pause.errors)")
        #expect(pause.output.hasSuffix("after      passes that had begun still go on; see `baton status`\n"))
        let view = try await bench.inspector.status().view
        #expect(view.stepDown?.by.hasPrefix("anna@") == true && view.pause != nil)
        // Without --wait it is enough to have requested it, and a second time does no harm. A replica that was not seen
        // for a while counts as gone, and there would be nobody to hand over to.
        _ = try await bench.store().present(bench.replicaInfo("pod-1"))
        let again = try await BatonProgram.run("baton step-down --config baton.yaml", in: files)
        #expect(again.status == 0 && again.output.contains("as was requested before"))
        // A pause that is over cannot be ended.
        for (before, status) in [("paused until", Int32(0)), ("not paused: nothing to do", 0)] {
            let resume = try await BatonProgram.run("baton resume --config baton.yaml", in: files)
            #expect(resume.status == status && resume.output.contains("before     \(before)"), "\(resume.output)")
        }
    }

    @Test("a pause that keys may not outlive is warned of")
    func longPause() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let files = try bench.files(
            datasets: """
                version: 1
                datasets:
                  short: { table: a, key: "a:{id}", ttl: 1h }
                  long: { table: b, key: "b:{id}", ttl: 24h }
                  off: { enabled: false, table: c, key: "c:{id}", ttl: 1h }
                  other: { table: d, key: "d:{id}", ttl: 1h, mode: invalidate }

                """)
        for (span, isTold) in [("25m", false), ("29m", true)] {
            let pause = try await BatonProgram.run("baton pause --for \(span) --config baton.yaml", in: files)
            #expect(pause.status == 0, "\(pause)")
            #expect(pause.output.contains("keys of `short` may expire before it ends") == isTold, "\(pause)")
        }
        _ = try await BatonProgram.run("baton resume --config baton.yaml", in: files)
    }

    @Test("a handover that is met ends with 0, and the status and the history show it")
    func done() async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server, timing: ElectionBench.haste)
            let files = try bench.files()
            let first = try ElectionReplica("pod-1", bench)
            _ = try await first.elected()
            let second = try ElectionReplica("pod-2", bench)
            try await eventually("both are there") { try await bench.inspector.status().view.present.count == 2 }
            let run = try await BatonProgram.run(
                "baton step-down --to pod-2 --wait --timeout 30s --config baton.yaml", in: files)
            #expect(run.status == 0 && run.output.contains("after      pod-2 leads with epoch "), "\(run.errors)")
            let status = try await BatonProgram.run("baton status --json --config baton.yaml", in: files)
            #expect(status.status == 0 && status.output.contains(#""name": "pod-2""#), "\(status.errors)")
            let history = try await BatonProgram.run("baton history --limit 2 --config baton.yaml", in: files)
            #expect(history.status == 0 && history.output.split(separator: "\n").count == 3, "\(history.output)")
            for replica in [first, second] { await replica.close() }
            let none = try await BatonProgram.run("baton status --config baton.yaml", in: files)
            #expect(none.status == Operations.ExitStatus.no.rawValue && none.output.contains("leader    none"))
        }
    }

    // MARK: Watching

    @Test("status --watch goes on, also while Redis is away, until it is interrupted")
    func watch() async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server)
            try await bench.send("SET", bench.keys.lease, bench.foreignLease(), "PX", "600000")
            let files = try bench.files()
            let watching = try await BatonProgram.start(["status", "--watch", "--config", "baton.yaml"], in: files)
            let lines = Lines()
            let progress = lines.progress
            let reading = Task { for await line in watching.standardOutput { progress.tell(line) } }
            func reports(_ text: String) -> Int { lines.all.count { $0.contains(text) } }
            try await eventually("it shows the leader twice") { reports("leader    pod-9") >= 2 }
            await server.kill()
            try await eventually("it says that Redis is away") { reports("baton: ") >= 1 }
            try await server.restart()
            try await eventually("it goes on") { reports("leader    none") >= 1 }
            // Nobody is at a terminal: it is drawn below, and not in the place of the one before.
            #expect(!lines.all.contains { $0.contains("\u{1B}") })
            try watching.signal(SIGINT)
            #expect(await watching.wait(atMost: .seconds(20)) == .signalled(SIGINT))
            await reading.value
        }
    }

    // MARK: Asking

    /// A group with one fault that can be mended: the lease never runs out.
    private func damaged() async throws -> (ElectionBench, ConfigurationFixture) {
        let bench = try await ElectionBench.onSharedRedis()
        _ = try await bench.store(deployment: "1/app/\(bench.group)").acquire(.random(), floor: .zero)
        try await bench.send("PERSIST", bench.keys.lease)
        return (bench, try bench.files())
    }

    @Test("fsck changes nothing, and without a terminal to ask at --repair does neither")
    func repairWithoutTerminal() async throws {
        let (bench, files) = try await damaged()
        for (options, complaint) in [
            ("", ""), ("--repair </dev/null", "add --yes"), ("--repair < <(echo y)", "add --yes"),
        ] {
            let run = try await BatonProgram.run("baton fsck --config baton.yaml \(options)", in: files)
            #expect(run.status == Operations.ExitStatus.no.rawValue, "\(options)")
            #expect(run.output.contains("never runs out") && run.errors.contains(complaint), "\(run.errors)")
            #expect(complaint.isEmpty == run.errors.isEmpty)
            #expect(try await bench.send("PTTL", bench.keys.lease).int == -1, "\(options)")
        }
        let run = try await BatonProgram.run("baton fsck --config baton.yaml --repair --yes", in: files)
        #expect(run.status == 0 && run.output.contains("After the repair:"), "\(run.output)\(run.errors)")
        #expect(try await bench.send("PTTL", bench.keys.lease).int ?? -1 > 0)
        // Nothing is left to mend, so nobody is asked.
        let again = try await BatonProgram.run("baton fsck --config baton.yaml --repair </dev/null", in: files)
        #expect(again.status == 0 && again.output.contains("No fault was found."))
    }

    @Test(
        "fsck --repair asks at a terminal, and takes nothing but yes for yes",
        .enabled(if: access("/usr/bin/script", X_OK) == 0, "a terminal is made with the program script"),
        arguments: [("y", true), ("YES", true), ("n", false), ("", false), ("yellow", false)])
    func repairAsks(_ answer: String, isMended: Bool) async throws {
        let (bench, files) = try await damaged()
        // Without colours, which a terminal would get.
        let run = try await BatonProgram.run(
            """
            printf '\(answer)\\n' | NO_COLOR=1 script -qec "$BATON fsck --repair --config baton.yaml" /dev/null
            """, in: files)
        #expect(run.output.contains("Mend this fault? [y/N]"), "\(run.output)")
        #expect(run.output.contains("After the repair:") == isMended)
        #expect(run.output.contains("Nothing was changed.") != isMended)
        #expect(run.status == (isMended ? 0 : Operations.ExitStatus.no.rawValue))
        #expect((try await bench.send("PTTL", bench.keys.lease).int == -1) != isMended)
    }
}

extension ElectionBench {
    /// The configuration of its group.
    func files(datasets: String? = ConfigurationFixture.plainDatasets) throws -> ConfigurationFixture {
        try ConfigurationFixture(
            """
            version: 1
            group: \(group)
            keyPrefix: "staging:"
            postgres: { url: "postgresql://127.0.0.1/nowhere" }
            redis: { main: { url: "\(redis.url)" } }

            """, datasets: datasets)
    }
}

import LeaderElection
import Logging
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Formatting
@testable import Operations
@testable import Telemetry

/// What others wrote (names, reasons, keys, columns) never does anything to a terminal, and is written in one way.
@Suite struct OthersTextTests {
    static let hostile = "x\n  leader    evil\u{1B}[2J\u{9B}31m\u{202E}\\x41\r"

    /// Nothing but what can be seen, and the ends of lines.
    private static func isHarmless(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0 == "\n" || KeyText.isPrintable($0) }
    }

    private static func lines(_ text: String) -> [Substring] {
        text.split(omittingEmptySubsequences: false) { $0 == "\n" }
    }

    @Test("a name, a reason and an event are shown within their lines, and can be taken back")
    func group() async throws {
        let bench = try await ElectionBench.onSharedRedis()
        let store = try bench.store(Self.hostile, deployment: "1/app/\(bench.group)")
        let lease = try await store.acquire(.random(), floor: .zero).answer.granted()
        _ = try await store.present(bench.replicaInfo(Self.hostile))
        _ = try await store.present(bench.replicaInfo("heir"))
        let requester = Requester(name: "anna\u{1B}]0;owned\u{7}", reason: Self.hostile + "why")
        let inspector = try bench.inspector
        let told = Lines()
        for successor in [Self.hostile + "?", "heir"] {
            _ = try await inspector.stepDown(for: successor, requester, patience: nil, told.progress)
        }
        _ = try await inspector.pause(for: .seconds(60), requester, patience: .zero, told.progress)
        let report = try await inspector.status()
        let status = report.text(TextLayout(columns: 80))
        #expect(Self.isHarmless(status), "\(status.debugDescription)")
        #expect(Self.lines(status).count { $0.hasPrefix("  leader ") } == 1)
        let shown = try #require(report.view.leader).name.shown
        #expect(KeyText.bytes(shown) == Array(Self.hostile.utf8) && status.contains(shown))
        let history = try await inspector.history(limit: 10)
        #expect(Self.isHarmless(history.text) && Self.lines(history.text).count == 5)
        #expect(history.entries.map(\.reason).filter { $0 == requester.reason }.count == 2)
        #expect(history.text.contains(requester.reason.shown))
        let check = try await inspector.checkKeys().text(TextLayout())
        #expect(Self.isHarmless(check), "\(check.debugDescription)")
        _ = try await inspector.resume(requester, told.progress)
        #expect(told.all.count > 5 && told.all.allSatisfy { Self.isHarmless($0) && !$0.contains("\n") })
        // Programs get what it is.
        for json in [report.json, history.json] {
            #expect(Self.isHarmless(json) && json.contains(#"evil\u001b[2J\u009b31m\u202e\\x41"#), "\(json)")
        }
        let before = told.all.count
        async let handedOver = inspector.stepDown(for: nil, requester, patience: .seconds(30), told.progress)
        for _ in 1...1000 where told.all.count < before + 2 { try await Task.sleep(for: .milliseconds(10)) }
        _ = try await store.resign(lease, .shutdown)
        let successor = try bench.store("\(Self.hostile)2", deployment: "1/app/\(bench.group)")
        let next = try await successor.acquire(.random(), floor: .zero).answer.granted()
        #expect(try await handedOver == .done)
        #expect(told.all.allSatisfy { Self.isHarmless($0) && !$0.contains("\n") }, "\(told.all)")
        let confirmation = Confirmation(
            dataset: "users", key: "requests", field: "confirm:users", timeMilliseconds: 1, leader: Self.hostile)
        #expect(Self.isHarmless(confirmation.text) && Self.lines(confirmation.text).count == 3)
        _ = try await successor.resign(next, .shutdown)
    }

    @Test("a column's name and a row's key are shown within their lines by check and plan")
    func columns() async throws {
        let column = "b\n  problem   evil\u{1B}[2J"
        let schema = """
            create table merchants (id text, "\(column)" text);
            insert into merchants values (E'7\\n\\x1b[2J', 'x'), (E'\\x1b]0;t\\x07', null);
            create table "t\u{1B}[2J\\" (id int primary key, "c\\d" text);
            """
        let datasets = """
            version: 1
            datasets:
              merchants: { table: merchants, identity: [id], key: "merchant:{id}" }
              hostile: { table: TABLE, key: "hostile:{id}" }

            """.replacing("TABLE", with: #""\"t\x1b[2J\\\"""#)
        try await InspectionFixture.with(datasets, schema: schema) { fixture in
            let check = try await fixture.inspector().check()
            let text = check.text()
            #expect(Self.isHarmless(text), "\(text.debugDescription)")
            #expect(text.contains(#"table "t\x1b[2J\\""#) && text.contains(#"c\\d text"#), "\(text)")
            #expect(text.contains(#"\x1b[2J"#) && !Self.lines(text).contains { $0.hasPrefix("  problem   evil") })
            let plan = try await fixture.inspector().plan().text()
            #expect(Self.isHarmless(plan) && plan.contains(#"merchant:7\x0a\x1b[2J"#), "\(plan.debugDescription)")
        }
    }

    @Test("the commands at a terminal")
    func program() async throws {
        try await InspectionFixture.with { fixture in
            let reason = #"$'x\n  leader    evil\x1b[2J'"#
            for line in [
                "baton pause --for 1m --timeout 1s --reason \(reason)", "baton status || true", "baton history",
                "baton resume --reason \(reason)", "baton cache get \(reason) || true",
                "baton step-down --to \(reason) || true", "baton confirm \(reason) || true",
            ] {
                let run = try await BatonProgram.run("export BATON_CONFIG=baton.yaml; \(line)", in: fixture.files)
                #expect(run.status == 0, "\(line): \(run)")
                #expect(Self.isHarmless(run.output) && Self.isHarmless(run.errors), "\(line): \(run)")
                #expect(!run.output.contains("\n  leader    evil"), "\(line): \(run)")
            }
        }
        // What a server says may be others' words too.
        let datasets = """
            version: 1
            datasets:
              evil: { query: "select evil() as id", identity: [id], key: "evil:{id}" }

            """
        let schema = """
            create function evil() returns int language plpgsql as
                $$begin raise exception E'x\\n  leader    evil\\x1b[2J'; end$$
            """
        try await InspectionFixture.with(datasets, schema: schema) { fixture in
            let run = try await BatonProgram.run("BATON_CONFIG=baton.yaml $BATON plan", in: fixture.files)
            #expect(run.status != 0 && run.errors.contains("evil"), "\(run)")
            #expect(Self.isHarmless(run.errors), "\(run)")
        }
    }

    @Test("a record of the log is one line, whatever is in it")
    func logs() {
        let record = LogFolding.Record(
            label: "election", level: .warning, message: "a \(Self.hostile)", metadata: ["reason": "\(Self.hostile)"],
            time: WallClock(0))
        for format in [LogFormat.text(isColoured: false), .json] {
            let line = format.line(record)
            #expect(Self.isHarmless(line) && Self.lines(line).count == 2, "\(line.debugDescription)")
        }
    }
}

import Drills
import Glibc
import LocalStack
import RedisClient
import Synchronization
import TestSupport
import Testing

@testable import Operations

/// What operators do, and what replicas do to one another, under exactly the permissions that `baton check --grants`
/// prints.
@Suite("The least permissions, of operators and of replicas side by side")
struct OperatorGrantsTests {
    /// A fixture on which all but the test itself may do only what is granted.
    private struct Stage {
        let fixture: InspectionFixture
        /// Of the roles, which differ by what they are for.
        let name: String
        let errors = Lines()

        func role(_ purpose: Grants.Purpose) -> String { "\(name)_\(purpose.rawValue)" }

        func environment(_ purpose: Grants.Purpose) -> [String: String] {
            [
                "BATON_POSTGRES_URL": fixture.databaseURL.replacing("//postgres:", with: "//\(role(purpose)):"),
                "BATON_REDIS_MAIN_USERNAME": role(purpose), "BATON_REDIS_MAIN_PASSWORD": "word",
                // A busy machine is to notice a crash before the lease has run out.
                "BATON_LEASE_TTL": "12s", "BATON_LEASE_RENEW_TIMEOUT": "2s",
            ]
        }

        /// Runs an operator's command.
        func baton(_ line: String) async throws -> BatonProgram.Run {
            let variables = environment(.operator).map { "export \($0)='\($1)'; " }.joined()
            return try await BatonProgram.run("\(variables) baton \(line) --config baton.yaml", in: fixture.files)
        }

        func start(_ name: String) async throws -> ChildProcess {
            try await ReplicaProcess.start(
                name, configuration: "\(fixture.files.folder)/baton.yaml", environment: environment(.run)
            ) { [progress = errors.progress] in progress.tell($0.text) }.process
        }

        /// As the administrator sees it.
        func view() async throws -> GroupView { try await fixture.inspector().status().view }

        func wait(_ what: Comment, _ condition: (GroupView) -> Bool) async throws {
            try await eventually(what) { condition(try await view()) }
        }

        /// What Redis refused, as it remembers it.
        func refusals() async throws -> [RedisValue] { try await fixture.send(["ACL", "LOG"]).array ?? [] }
    }

    private static func with(_ body: (Stage) async throws -> Void) async throws {
        try await InspectionFixture.with { fixture in
            let stage = Stage(fixture: fixture, name: "operating_\(UInt64.random(in: 0 ... .max))")
            for purpose in Grants.Purpose.allCases {
                let role = stage.role(purpose)
                try await fixture.run(sql: "create role \(role) login")
                let grants = "baton check --grants --for \(purpose.rawValue) --config baton.yaml --role \(role) --only"
                let statements = try await BatonProgram.run("\(grants) postgres", in: fixture.files)
                try await fixture.run(sql: statements.output)
                let line = try await BatonProgram.run(
                    "\(grants) redis | redis-cli -u '\(fixture.redis.address)'", in: fixture.files)
                #expect(line.output.contains("OK"), "\(line.output)\(line.errors)")
                try await fixture.send(["ACL", "SETUSER", role, ">word"])
            }
            try await body(stage)
            #expect(try await stage.refusals().isEmpty)
            #expect(!stage.errors.all.contains { $0.contains("NOPERM") || $0.contains("permission") })
            for role in Grants.Purpose.allCases.map(stage.role) {
                try await fixture.run(sql: "drop owned by \(role); drop role \(role)")
            }
        }
    }

    @Test("suffice for all that operators do, and for two replicas that follow, hand over and crash")
    func sufficeToOperate() async throws {
        try await Self.with { stage in
            let first = try await stage.start("a")
            try await stage.wait("a leads") { $0.leader?.name == "a" }
            let second = try await stage.start("b")
            try await stage.wait("b follows") { $0.present.count == 2 }

            let status = try await stage.baton("status")
            #expect(status.status == 0 && status.output.contains("leader    a, epoch "), "\(status.errors)")
            let history = try await stage.baton("history")
            #expect(history.status == 0 && history.output.contains("elected"), "\(history.errors)")
            let healthy = try await stage.baton("fsck")
            #expect(healthy.status == 0, "\(healthy.output)\(healthy.errors)")

            let paused = try await stage.baton("pause --for 5m --reason trying")
            #expect(paused.status == 0 && paused.output.contains("a leads and writes nothing"), "\(paused.errors)")
            let resumed = try await stage.baton("resume")
            #expect(resumed.status == 0 && resumed.output.contains("the leader goes on"), "\(resumed.errors)")

            let handover = try await stage.baton("step-down --to b --wait --timeout 30s")
            #expect(handover.status == 0 && handover.output.contains("after      b leads"), "\(handover.errors)")

            // A term younger than a TTL is left alone.
            try await stage.wait("b's term is older than a TTL") { view in
                view.leader.map { $0.name == "b" && view.nowMilliseconds - $0.sinceMilliseconds > 12200 } ?? false
            }
            await second.kill()
            try await stage.wait("a leads again") { $0.leader?.name == "a" }
            let taken = try await stage.baton("history --json")
            #expect(taken.output.contains("leader-silent"), "a polls for b's crash: \(taken.output)")

            let ended = await first.terminate(grace: .seconds(20))
            #expect(ended == .exited(0))
            let after = try await stage.baton("status")
            #expect(after.status == Operations.ExitStatus.no.rawValue && after.output.contains("leader    none"))
        }
    }

    @Test("suffice to mend the group's keys, each in its way")
    func sufficeToMend() async throws {
        try await Self.with { stage in
            let faults = [
                ["HSET", "fence", "epoch", "5", "token", "t", "sequence", "1", "highest", "5"],
                ["PEXPIRE", "fence", "600000"], ["SET", "marks", "text"], ["HSET", "requests", "pause", "garbage"],
                ["SET", "suspect", "token alive"], ["SET", "lease", "garbage"], ["RPUSH", "replicas", "x"],
                ["SET", "events", "text"],
            ]
            for words in faults {
                var words = words
                words[1] = "{baton:default}:\(words[1])"
                try await stage.fixture.send(words)
            }
            let found = try await stage.baton("fsck")
            #expect(found.status == Operations.ExitStatus.no.rawValue, "\(found.errors)")
            let mended = try await stage.baton("fsck --repair --yes")
            #expect(mended.status == 0, "\(mended.output)\(mended.errors)")
            #expect(mended.output.hasSuffix("No fault was found.\n"), "\(mended.output)")
            #expect(try await stage.fixture.send(["PTTL", "{baton:default}:fence"]).int == -1)
        }
    }

    /// That the test before would notice: without one of the commands, an operator's command is refused, and Redis says
    /// so.
    @Test("a permission that is taken away is missed", arguments: [("xrevrange", "history"), ("hvals", "step-down")])
    func missed(_ command: String, _ line: String) async throws {
        try await InspectionFixture.with { fixture in
            let grants = try await fixture.inspector().grants(role: "poor").redis.map(\.line)
            for grant in grants + ["ACL SETUSER poor >word -\(command)"] {
                try await fixture.send(grant.split(separator: " ").map(String.init))
            }
            try await fixture.send([
                "SET", "{baton:default}:lease",
                #"{"format":1,"epoch":"5","token":"t","holder":"a","since":"0","deployment":"1/x/default"}"#, "PX",
                "600000",
            ])
            let run = try await BatonProgram.run(
                """
                export BATON_REDIS_MAIN_USERNAME=poor BATON_REDIS_MAIN_PASSWORD=word;
                baton \(line) --config baton.yaml
                """, in: fixture.files)
            #expect(run.status == Operations.ExitStatus.refused.rawValue, "\(run.output)\(run.errors)")
            #expect(run.errors.hasPrefix("baton: "), "\(run.errors)")
            #expect(try await fixture.send(["ACL", "LOG"]).array?.isEmpty == false)
        }
    }
}

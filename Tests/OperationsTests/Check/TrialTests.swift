import CacheRefresh
import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import Formatting
@testable import GroupState
@testable import Operations

@Suite("baton check tries what replicas do")
struct TrialTests {
    @Test(
        "commands that are renamed or taken away are named, with the remedy",
        arguments: [
            ["SCAN", "TIME", "UNLINK"], ["EVALSHA"], ["SCRIPT"], ["EVAL"], ["SUBSCRIBE", "DBSIZE"],
        ])
    func renamed(_ commands: [String]) async throws {
        var options = LocalRedis.Options()
        options.configuration = commands.map { "rename-command \($0) \"\"" }
        try await InspectionFixture.with(redis: options) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.status == .no)
            let problems = report.texts(.problem, in: "main").joined(separator: "\n")
            for command in commands {
                #expect(problems.contains(command == "SCRIPT" ? "SCRIPT LOAD" : command), "\(problems)")
            }
            #expect(problems.contains("`rename-command`"), "\(problems)")
        }
    }

    @Test(
        "where a command is taken away, a replica stays follower and says so in check's words",
        arguments: ["UNLINK", "SCAN", "PUBLISH", "PTTL", "PEXPIRE", "EVALSHA"])
    func follows(_ command: String) async throws {
        var options = LocalRedis.Options()
        options.configuration = ["rename-command \(command) \"\""]
        try await InspectionFixture.with(redis: options) { fixture in
            let problems = try await fixture.inspector().check().texts(.problem, in: "main")
            #expect(problems.count == 1 && problems[0].contains(command), "\(problems)")
            let run = try await BatonProgram.run(
                """
                BATON_LOG_FORMAT=text $BATON run --config baton.yaml & pid=$!;
                for i in {1..100}; do grep -qE 'cannot compete|elected' errors && break; sleep 0.1; done;
                kill -TERM $pid; wait $pid
                """, in: fixture.files)
            #expect(run.errors.contains(problems.first ?? "?"), "\(run.errors)")
            #expect(!run.errors.contains("elected"), "\(run.errors)")
        }
    }

    @Test("where INFO is taken away, check says so, and goes on")
    func withoutInfo() async throws {
        var options = LocalRedis.Options()
        options.configuration = ["rename-command INFO \"\""]
        try await InspectionFixture.with(redis: options) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.status == .done)
            let warnings = report.texts(.warning, in: "main").joined(separator: "\n")
            #expect(warnings.contains("INFO is not known here") && warnings.contains("`rename-command`"), "\(warnings)")
        }
    }

    @Test(
        "a Redis that takes no writes is told, in the words of the pass that fails",
        arguments: [
            (["maxmemory", "1"], "maxmemory"), (["min-replicas-to-write", "1"], "min-replicas-to-write"),
        ])
    func refusesWrites(_ setting: [String], words: String) async throws {
        try await InspectionFixture.with { fixture in
            try await fixture.send(["CONFIG", "SET"] + setting)
            let report = try await fixture.inspector().check()
            let problems = report.texts(.problem, in: "main")
            #expect(problems.count == 1, "\(problems)")
            #expect(problems.first?.contains("It takes no writes") == true, "\(problems)")
            #expect(problems.first?.contains(words) == true, "\(problems)")
            #expect(report.status == .unavailable)
        }
    }

    @Test("keys that the user may not touch are named by their templates")
    func keys() async throws {
        try await InspectionFixture.with(
            """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}" }
              users: { table: app_users, key: "user:{id}:{phone}" }

            """, main: "keyPrefix: 'p:'"
        ) { fixture in
            try await fixture.send([
                "ACL", "SETUSER", "few", "on", ">word", "+@all", "~p:{baton:*", "~p:merchant:*", "&*",
            ])
            let report = try await fixture.inspector([
                "BATON_REDIS_MAIN_USERNAME": "few", "BATON_REDIS_MAIN_PASSWORD": "word",
            ]).check()
            #expect(
                report.texts(.problem, in: "main") == [
                    "The user may not use the keys `p:user:{id}:{phone}`. Give it what `baton check --grants --for run` "
                        + "prints."
                ])
        }
    }

    @Test("and it leaves nothing behind")
    func leavesNothing() async throws {
        try await InspectionFixture.with { fixture in
            try await fixture.send(["SET", "merchant:1", "x"])
            #expect(try await fixture.inspector().check().texts(.problem, in: "main") == [])
            #expect(try await fixture.send(["KEYS", "*"]).array?.compactMap(\.string) == ["merchant:1"])
            #expect(try await fixture.send(["GET", "merchant:1"]).string == "x")
        }
    }

    /// As Valkey 9.1 says it, whose Lua is a module.
    @Test("a server that runs no Lua is told as that")
    func noLua() {
        var refusals = RedisRefusal.List()
        let error = RedisServerError(prefix: "ERR", message: "Could not find scripting engine 'lua'")
        refusals.add(error, to: "script|load")
        refusals.add(error, to: "eval")
        #expect(
            refusals.all.map(\.obstacle.description) == [
                "It runs no Lua scripts (ERR Could not find scripting engine 'lua'). Load its Lua module again, as it is "
                    + "loaded by default."
            ])
    }

    @Test("the settings that it advises for a distant Redis fit together")
    func advice() throws {
        for milliseconds in [301, 450, 700, 2500] {
            let pace = RedisPace(connecting: .zero, roundTrip: .milliseconds(milliseconds))
            let finding = try #require(pace.findings(.standard).first)
            #expect(finding.severity == (milliseconds > 600 ? .problem : .warning))
            let words = finding.remedy.split { " ,}".contains($0) }.map(String.init)
            func value(_ name: String) throws -> Duration {
                let place = try #require(words.firstIndex(of: "\(name):"))
                return try #require(DurationText.parse(words[place + 1]))
            }
            let timing = try ElectionTiming(ttl: value("ttl"), renewTimeout: value("renewTimeout"))
            #expect(pace.findings(timing) == [])
        }
        #expect(RedisPace(connecting: .zero, roundTrip: .milliseconds(290)).findings(.standard) == [])
    }
}

import Glibc
import TestSupport
import Testing

@testable import GroupState
@testable import Operations

@Suite("The command line")
struct CommandLineTests {
    @Test("says its version and its formats")
    func version() async throws {
        let run = try await BatonProgram.run("baton --version", in: ConfigurationFixture())
        #expect(run.status == 0)
        #expect(
            run.output.wholeMatch(
                of: /baton \d+\.\d+\.\d+ \([0-9a-z-]+\)\nformats: configuration 1, lease 1, fence 1, mark 2\n/) != nil)
        #expect(run.errors == "")
    }

    @Test("an answer that can't be written is no success")
    func fullDisk() async throws {
        try await InspectionFixture.with { fixture in
            for command in [
                "--version", "--help", "help status", "--generate-completion-script bash", "status --json",
                "status --watch",
                "history", "fsck", "check --json", "plan", "cache list", "pause --timeout 1s", "resume",
            ] {
                let run = try await BatonProgram.run(
                    "BATON_CONFIG=baton.yaml timeout 60 $BATON \(command) > /dev/full", in: fixture.files)
                #expect(run.status == ExitStatus.outputFailed.rawValue, "\(command): \(run)")
                #expect(run.errors.contains("could not be written: No space left on device"), "\(command): \(run)")
            }
        }
    }

    @Test("a replica without a name is refused, and a reason that is longer than a note")
    func emptyNames() async throws {
        let run = try await BatonProgram.run("baton run --replica ''", in: ConfigurationFixture())
        #expect(run.status == 64 && run.errors.contains("--replica is empty"), "\(run)")
        let pause = try await BatonProgram.run(
            "baton pause --reason \"$(head -c 2000 /dev/zero | tr '\\0' x)\"", in: ConfigurationFixture())
        #expect(pause.status == 64 && pause.errors.contains("more than 1000 bytes"), "\(pause)")
        let long = String(repeating: "x", count: 201)
        for (line, origin) in [
            ("baton run --replica \(long)", "--replica"), ("HOSTNAME=\(long) baton run", "$HOSTNAME"),
            ("baton pause --by \(long)", "--by"), ("BATON_OPERATOR=\(long) baton resume", "$BATON_OPERATOR"),
        ] {
            let run = try await BatonProgram.run(line, in: ConfigurationFixture())
            #expect(run.status == 64 && run.errors.contains("\(origin) has more than 200 bytes"), "\(run)")
        }
        let nameless = try await BatonProgram.run(
            """
            HOSTNAME= BATON_LOG_FORMAT=json $BATON run --config baton.yaml > log 2>&1 & pid=$!
            until grep -q '"replica":' log || ! kill -0 $pid; do sleep 0.1; done
            kill $pid; wait $pid; grep '"replica":"'"$(uname -n)"'"' log
            """, in: ConfigurationFixture())
        #expect(nameless.status == 0, "\(nameless)")
    }

    @Test("the format of the lease is that of the scripts")
    func formats() throws {
        let script = try ConfigurationFixture.read("Sources/GroupState/Scripts/lease.lua")
        #expect(script.contains("FORMAT = \(Formats.lease)\n"))
    }

    @Test("helps with every command, with examples")
    func help() async throws {
        func commands(of command: String) async throws -> [String] {
            let run = try await BatonProgram.run("baton help \(command)", in: ConfigurationFixture())
            return run.output.split(separator: "\n").drop { $0 != "SUBCOMMANDS:" }
                .compactMap { $0.wholeMatch(of: #/\s\s([a-z-]+) .*/#).map { String($0.1) } }
        }
        let all = try await commands(of: "") + commands(of: "cache").map { "cache \($0)" }
        #expect(all.count >= 17 && all.contains("status") && all.contains("cache restore"))
        for command in all {
            let run = try await BatonProgram.run("baton help \(command)", in: ConfigurationFixture())
            #expect(run.status == 0)
            #expect(run.output.split(separator: "EXAMPLES").last?.contains("baton \(command)") == true, "\(command)")
        }
    }

    @Test("completes commands, options and names in bash, and writes scripts for the other shells")
    func completions() async throws {
        let files = try ConfigurationFixture(
            """
            version: 1
            redis: { main: { url: "redis://127.0.0.1:1" }, other: { url: "redis://127.0.0.1:2" } }
            postgres: { url: "postgresql://127.0.0.1:1/x" }

            """,
            datasets: """
                version: 1
                datasets:
                  merchants: { table: merchants, key: "merchant:{id}" }
                families:
                  oaUsers: { keys: ["cache:oaUsers:id:{id}"] }

                """)
        let bash = try await BatonProgram.run(
            """
            baton --generate-completion-script bash > script && bash -n script && source ./script
            complete -p baton | grep -o ' -F [a-z_]*' | { read -r _ function
            COMP_WORDS=(baton st) COMP_CWORD=1 COMP_LINE='baton st' COMP_POINT=8; $function baton st baton; echo "${COMPREPLY[*]}"
            COMP_WORDS=(baton status --) COMP_CWORD=2 COMP_LINE='baton status --' COMP_POINT=15
            $function baton -- status; echo "${COMPREPLY[*]}"
            complete_last() { COMPREPLY=(); COMP_WORDS=(baton "$@"); COMP_CWORD=$#; COMP_LINE="baton $*"; COMP_POINT=${#COMP_LINE}
              $function baton "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"; echo "${COMPREPLY[*]}"; }
            complete_last plan --config baton.yaml --dataset ''
            complete_last cache list --config baton.yaml oa
            complete_last cache list --config baton.yaml --server ''
            complete_last cache list --redis redis://127.0.0.1:1 a
            complete_last plan --config = baton.yaml --dataset ''
            complete_last confirm --config none.yaml ''; }
            """, in: files)
        #expect(bash.status == 0, "\(bash.errors)")
        let lines = bash.output.split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == 9, "\(bash.output)")
        #expect(lines[0].split(separator: " ").sorted() == ["status", "step-down"])
        #expect(lines[1].split(separator: " ").contains("--json"))
        #expect(lines[2...7].map { $0 } == ["merchants", "oaUsers", "main other", "appUsers", "merchants", ""])
        for (shell, sign) in [("zsh", "#compdef baton"), ("fish", "complete -c 'baton'")] {
            let run = try await BatonProgram.run("baton --generate-completion-script \(shell)", in: files)
            #expect(run.status == 0 && run.output.contains(sign) && run.errors == "")
        }
        let unknown = try await BatonProgram.run("baton --generate-completion-script tcsh", in: files)
        #expect(unknown.status != 0 && !unknown.errors.isEmpty && unknown.output == "")
    }

    @Test(
        "refuses a wrong command line",
        arguments: [
            "baton nonsense", "baton plan --limit x", "baton plan --limit -1", "baton confirm",
            "baton check --only redis",
        ]
    )
    func usage(_ line: String) async throws {
        let run = try await BatonProgram.run(line, in: ConfigurationFixture())
        #expect(run.status == Operations.ExitStatus.usage.rawValue)
        #expect(run.output == "")
        #expect(run.errors.contains("Usage:"))
    }

    @Test("lists all mistakes of the configuration on the standard error", arguments: ["check", "plan", "confirm x"])
    func configuration(_ command: String) async throws {
        let files = try ConfigurationFixture("version: 1\nnonsense: 1\nlease: { ttl: 1 }\n")
        let run = try await BatonProgram.run("baton \(command) --config baton.yaml", in: files)
        #expect(run.status == Operations.ExitStatus.configuration.rawValue)
        #expect(run.output == "")
        #expect(run.errors.contains("baton.yaml:2:1: nonsense"))
        #expect(run.errors.contains("baton.yaml:3:"))
    }

    @Test("checks, plans and confirms, data on the standard output")
    func commands() async throws {
        try await InspectionFixture.with { fixture in
            let check = try await BatonProgram.run("baton check --config baton.yaml", in: fixture.files)
            #expect(check.status == 0, "\(check.output)\(check.errors)")
            #expect(check.output.hasSuffix("No problem\n"))
            #expect(!check.output.contains("\u{1B}"))
            let plan = try await BatonProgram.run("baton plan --config baton.yaml --json", in: fixture.files)
            #expect(plan.status == 0)
            #expect(plan.output.hasPrefix("{\n"))
            let confirmed = try await BatonProgram.run("baton confirm merchants --config baton.yaml", in: fixture.files)
            #expect(confirmed.output.hasPrefix("Confirmed merchants"))
            let unknown = try await BatonProgram.run("baton confirm merchant --config baton.yaml", in: fixture.files)
            #expect(unknown.status == Operations.ExitStatus.usage.rawValue)
            #expect(unknown.errors.contains("Did you mean `merchants`?"))
            let grants = try await BatonProgram.run(
                "baton check --grants --only postgres --config baton.yaml", in: fixture.files)
            #expect(grants.output.split(separator: "\n").allSatisfy { $0.hasPrefix("GRANT") })
            try await fixture.run(sql: "drop view loud_merchants; drop table merchants")
            #expect(
                try await BatonProgram.run("baton check --config baton.yaml", in: fixture.files).status
                    == Operations.ExitStatus.no.rawValue)
            let failed = try await BatonProgram.run("baton plan --config baton.yaml", in: fixture.files)
            #expect(failed.status == Operations.ExitStatus.configuration.rawValue)
            #expect(failed.errors.hasPrefix("baton: merchants: the table merchants does not exist"))
        }
    }

    @Test("a server that is away is told by status and in one line")
    func unavailable() async throws {
        let files = try ConfigurationFixture()
        let run = try await BatonProgram.run(
            "BATON_POSTGRES_URL=postgresql://127.0.0.1:1/x baton plan --config baton.yaml", in: files)
        #expect(run.status == Operations.ExitStatus.unavailable.rawValue)
        #expect(run.errors.split(separator: "\n").count == 1)
    }

    @Test("a reader that goes away ends it silently")
    func brokenPipe() async throws {
        try await InspectionFixture.with { fixture in
            // Nobody reads by the time it writes.
            let run = try await BatonProgram.run(
                "baton plan --config baton.yaml --limit 100000 | true", in: fixture.files)
            #expect(run.errors == "")
            #expect([0, 128 + SIGPIPE].contains(run.status))
        }
    }
}

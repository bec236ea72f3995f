import Glibc
import LocalStack
import Testing

@testable import Demo

/// What `demo.env` tells a shell, and what nobody learns without it.
@Suite struct DemoEnvironmentTests {
    @Test func theFileOpensTheServersThatAreClosedToOthers() async throws {
        let servers = try await Servers.start(SampleDatabase.Size(merchants: 1), progress: Progress())
        let place = try servers.place(for: DemoPlan(executable: "/nowhere/baton", configuration: "", datasets: []))
        let path = try #require(place.variablesPath)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600 && status.st_uid == geteuid())

        func run(_ script: String) async throws -> (lines: [String], isSuccess: Bool) {
            let shell = try await ChildProcess.start("/bin/sh", ["-c", ". \(path); { \(script); } 2>&1"])
            var lines: [String] = []
            for await line in shell.standardOutput { lines.append(line) }
            return (lines, await shell.wait().isSuccess)
        }
        let psql = "psql -XAtc 'select current_user'"
        let redis = #"redis-cli -u "$REDIS_URL" ping"#
        #expect(try await run("\(psql); \(redis)") == (["postgres", "PONG"], true))
        #expect(try await run(#"PGUSER= psql -XAtc 'select current_user' "$BATON_POSTGRES_URL""#) == (["baton"], true))
        let refused = try await run("unset PGPASSWORD; \(psql) -w")
        #expect(!refused.isSuccess && refused.lines.joined().contains("no password supplied"))
        #expect(try await run("unset REDISCLI_AUTH; \(redis)").lines.first?.hasPrefix("NOAUTH") == true)
        await servers.workspace.close()
    }
}

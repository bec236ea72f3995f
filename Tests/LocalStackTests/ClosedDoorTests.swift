import Formatting
import Glibc
import Testing

@testable import LocalStack

/// Servers of ours listen where every user of the machine can connect.
@Suite struct ClosedDoorTests {
    @Test func nobodyGetsInWithoutThePassword() async throws {
        let postgres = try await LocalPostgres.start()
        let redis = try await LocalRedis.start()
        try await postgres.run(sql: "create role reader login")
        for user in ["postgres", "reader"] {
            #expect(try await psql(postgres.url(user: user), "select current_user") == user)
            let open = "postgresql://\(user)@127.0.0.1:\(postgres.port)/postgres"
            let error = await #expect(throws: LocalStackError.self) { try await psql(open, "select 1") }
            #expect(error?.message.contains("no password supplied") == true)
        }
        #expect(try await LocalStackTests.redis(port: redis.port, ["PING"]) == "PONG")
        let refused = try await LocalStackTests.redis(port: redis.port, ["PING"], environment: ["REDISCLI_AUTH": nil])
        #expect(refused.hasPrefix("NOAUTH"))
        // The unix socket trusts whoever gets to it; its folder is closed to others.
        for path in [postgres.socketFolder, redis.socketPath, String(redis.logPath.dropLast("/redis.log".count))] {
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o077 == 0, "\(path)")
        }
        await postgres.close()
        await redis.close()
    }

    @Test func theSocketsFolderIsClosedToOtherUsers() async throws {
        // Only root may act as somebody else.
        guard geteuid() == 0 else { return }
        let postgres = try await LocalPostgres.shared()
        let arguments = [
            "-XAtq", "-h", postgres.socketFolder, "-p", "\(postgres.port)", "-U", "postgres", "-c", "select 1",
        ]
        let stranger = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        let client = try await ChildProcess.start(
            "/usr/bin/setpriv", stranger + [Programs.postgresFolder() + "/psql"] + arguments)
        var said = ""
        for await line in client.standardError { said += line }
        #expect(await client.wait() == .exited(2))
        #expect(said.contains("Permission denied"), "\(said)")
    }

    /// Each run has its own, and nothing has to be escaped anywhere.
    @Test func thePasswordIsLongAndPlain() {
        #expect(LocalPassword.ofThisProcess.utf8.count == 24)
        #expect(Set(LocalPassword.ofThisProcess.utf8).count > 5)
        #expect(PercentEncoding.encode(LocalPassword.ofThisProcess) == LocalPassword.ofThisProcess)
    }
}

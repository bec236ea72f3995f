import Glibc
import Testing

@testable import LocalStack

@Suite struct LocalRedisTests {
    @Test func answersAndIsGoneAfterwards() async throws {
        let server = try await LocalRedis.start()
        #expect(try await redis(server, "PING") == "PONG")
        #expect(server.url == "redis://:\(LocalPassword.ofThisProcess)@127.0.0.1:\(server.port)/0")
        let pid = try #require(server.pid)
        await server.close()
        #expect(!server.isRunning)
        #expect(!isAlive(pid))
        #expect(!Files.exists(server.logPath))
        #expect(throws: LocalStackError.self) { try server.signal(SIGTERM) }
    }

    @Test(arguments: [true, false]) func dataSurviveAKillOnlyInAnAppendOnlyFile(appendOnly: Bool) async throws {
        var options = LocalRedis.Options()
        options.appendOnly = appendOnly
        options.configuration = ["appendfsync always"]
        try await LocalRedis.withServer(options) { server async throws in
            let (pid, port) = (server.pid, server.port)
            _ = try await redis(server, "SET", "key", "value")
            await server.kill()
            #expect(server.pid == nil)
            try await server.restart()
            #expect(server.pid != pid)
            #expect(server.port == port)
            #expect(try await redis(server, "GET", "key") == (appendOnly ? "value" : ""))
        }
    }

    @Test func aRestartBringsBackWhatWasSaved() async throws {
        try await LocalRedis.withServer { server in
            _ = try await redis(server, "SET", "key", "old")
            _ = try await redis(server, "SAVE")
            _ = try await redis(server, "SET", "key", "new")
            try await server.restart()
            #expect(try await redis(server, "GET", "key") == "old")
        }
    }

    @Test func usersPasswordsAndConfiguration() async throws {
        var options = LocalRedis.Options()
        options.password = "open sesame\""
        options.aclLines = ["app on >secret ~app:* +@all"]
        options.databases = 2
        options.configuration = ["maxmemory 64mb"]
        try await LocalRedis.withServer(options) { server async throws in
            #expect(try await redis(port: server.port, ["PING"], environment: [:]).hasPrefix("NOAUTH"))
            let asDefault = ["--no-auth-warning", "-a", "open sesame\""]
            #expect(try await redis(server, "CONFIG", "GET", "databases", options: asDefault) == "databases\n2")
            #expect(try await redis(server, "CONFIG", "GET", "maxmemory", options: asDefault) == "maxmemory\n67108864")
            let asApp = ["--no-auth-warning", "--user", "app", "--pass", "secret"]
            #expect(try await redis(server, "SET", "app:1", "x", options: asApp) == "OK")
            #expect(try await redis(server, "SET", "other", "x", options: asApp).hasPrefix("NOPERM"))
            #expect(server.url == "redis://:open%20sesame%22@127.0.0.1:\(server.port)/0")
        }
    }

    @Test func encryptedAndOverAUnixSocket() async throws {
        var options = LocalRedis.Options()
        options.tls = true
        options.requiresClientCertificate = true
        try await LocalRedis.withServer(options) { server async throws in
            let (certificates, port) = (try #require(server.certificates), try #require(server.tlsPort))
            let encrypted = ["--tls", "-p", "\(port)", "--cacert", certificates.ca]
            let identified = ["--cert", certificates.clientCertificate, "--key", certificates.clientKey]
            #expect(try await redis(server, "PING", options: encrypted + identified) == "PONG")
            await #expect(throws: LocalStackError.self) {
                let answer = try await redis(server, "PING", options: encrypted)
                // Some versions of redis-cli tell of the failure only in what they print.
                if answer != "PONG" { throw LocalStackError(.commandFailed, answer) }
            }
            #expect(try await redis(server, "PING", options: ["-s", server.socketPath]) == "PONG")
            #expect(server.unixURL == "unix://:\(LocalPassword.ofThisProcess)@\(server.socketPath)")
            #expect(server.tlsURL == "rediss://:\(LocalPassword.ofThisProcess)@localhost:\(port)/0")
        }
    }

    @Test func aStoppedServerCanBeWokenAndClosed() async throws {
        let server = try await LocalRedis.start()
        try server.signal(SIGSTOP)
        #expect(server.isRunning)
        try await server.restart()
        #expect(try await redis(server, "PING") == "PONG")
        try server.signal(SIGSTOP)
        await server.close()
        #expect(!server.isRunning)
    }

    @Test func manyStartAtTheSameTime() async throws {
        let workspace = try await Workspace.create(prefix: "redis-crowd")
        let servers = try await withThrowingTaskGroup(of: LocalRedis.self) { group in
            for _ in 0..<20 { group.addTask { try await LocalRedis.start(in: workspace) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(servers.map(\.port)).count == 20)
        #expect(servers.count { $0.isRunning } == 20)
        await workspace.close()
        #expect(servers.count { $0.isRunning } == 0)
        #expect(!Files.exists(workspace.path))
    }

    // MARK: What cannot start says why

    @Test func aMissingProgramIsNamedWithItsRemedy() async throws {
        var options = LocalRedis.Options()
        options.executable = "no-such-redis"
        let error = await #expect(throws: LocalStackError.self) { _ = try await LocalRedis.start(options) }
        #expect(error?.code == .missingProgram)
        #expect(error?.message.contains("no-such-redis") == true)
        #expect(error?.message.contains("make deps") == true)
    }

    @Test func aBadConfigurationIsShown() async throws {
        var options = LocalRedis.Options()
        options.configuration = ["no-such-directive yes"]
        let error = await #expect(throws: LocalStackError.self) { _ = try await LocalRedis.start(options) }
        #expect(error?.code == .failedToStart)
        #expect(error?.message.contains("no-such-directive") == true)
    }

    @Test func aPortInUseIsRefusedWhenItWasAskedFor() async throws {
        try await LocalRedis.withServer { first in
            var options = LocalRedis.Options()
            options.port = first.port
            let error = await #expect(throws: LocalStackError.self) { _ = try await LocalRedis.start(options) }
            #expect(error?.message.contains("in use") == true)
        }
    }
}

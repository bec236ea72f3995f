import Drills
import Foundation
import LocalStack
import Testing

/// Passwords are given in every way, and everything is made to fail that is done with them. Whatever the program then
/// says, serves and writes is searched for them.
@Suite("Secrets stay secret", .serialized)
struct SecrecyTests {
    /// What a password is recognised by; each has more around it, to be awkward.
    private static let secret = "hunter2"
    private static let password = "Xhunter2Y"

    /// A way to be refused.
    struct Trouble: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// The variables, given the addresses of the servers.
        let environment: @Sendable (Servers) -> [String: String]
    }

    struct Servers: Sendable {
        let redis: LocalRedis
        let openRedis: LocalRedis
        let postgres: LocalPostgres

        /// With the right passwords.
        var environment: [String: String] {
            [
                "BATON_POSTGRES_URL": postgres.url(), "BATON_REDIS_MAIN_URL": redis.url,
                "BATON_LOG_LEVEL": "trace", "BATON_HTTP_LISTEN": "127.0.0.1:0",
            ]
        }
    }

    private static let troubles = [
        Trouble(testDescription: "a wrong password for Redis") {
            ["BATON_REDIS_MAIN_URL": "redis://:\(password)-wrong@127.0.0.1:\($0.redis.port)"]
        },
        Trouble(testDescription: "a wrong user and password for Redis") {
            [
                "BATON_REDIS_MAIN_URL": "redis://127.0.0.1:\($0.redis.port)", "BATON_REDIS_MAIN_USERNAME": "baton",
                "BATON_REDIS_MAIN_PASSWORD": "\(password)-wrong",
            ]
        },
        Trouble(testDescription: "a password for a Redis that has none") {
            ["BATON_REDIS_MAIN_URL": "redis://:\(password)@127.0.0.1:\($0.openRedis.port)"]
        },
        Trouble(testDescription: "TLS where there is none") {
            ["BATON_REDIS_MAIN_URL": "rediss://baton:\(password)@127.0.0.1:\($0.redis.port)"]
        },
        Trouble(testDescription: "TLS with a certificate that nobody knows") {
            ["BATON_REDIS_MAIN_URL": "rediss://:\(password)@localhost:\($0.redis.tlsPort ?? 1)"]
        },
        Trouble(testDescription: "a Redis that is not there") { _ in
            ["BATON_REDIS_MAIN_URL": "redis://baton:\(password)@127.0.0.1:1"]
        },
        Trouble(testDescription: "PostgreSQL's port instead of Redis'") {
            ["BATON_REDIS_MAIN_URL": "redis://baton:\(password)@127.0.0.1:\($0.postgres.port)"]
        },
        Trouble(testDescription: "a wrong password for PostgreSQL") {
            ["BATON_POSTGRES_URL": "postgresql://postgres:\(password)-wrong@127.0.0.1:\($0.postgres.port)/postgres"]
        },
        Trouble(testDescription: "a wrong password for PostgreSQL, apart from the URL") {
            [
                "BATON_POSTGRES_URL": "host=127.0.0.1 port=\($0.postgres.port) user=postgres",
                "BATON_POSTGRES_PASSWORD": "\(password)-wrong",
            ]
        },
        Trouble(testDescription: "a password in PGPASSWORD") {
            [
                "BATON_POSTGRES_URL": "host=127.0.0.1 port=\($0.postgres.port) user=postgres",
                "PGPASSWORD": "\(password)-wrong",
            ]
        },
        Trouble(testDescription: "a password with a slash, not escaped") {
            ["BATON_POSTGRES_URL": "postgresql://postgres:\(secret)/more@127.0.0.1:\($0.postgres.port)/postgres"]
        },
        Trouble(testDescription: "a password of digits and a slash, not escaped") { _ in
            ["BATON_POSTGRES_URL": "postgresql://postgres:12/\(secret)@127.0.0.1:5432/postgres"]
        },
        Trouble(testDescription: "a password with a question mark, not escaped") { _ in
            ["BATON_POSTGRES_URL": "postgresql://postgres:\(secret)?\(secret)=x@127.0.0.1:5432/postgres"]
        },
        Trouble(testDescription: "a password with a space, not quoted") { _ in
            ["BATON_POSTGRES_URL": "host=127.0.0.1 password=some \(secret)"]
        },
        Trouble(testDescription: "a Redis password with a slash, not escaped") { _ in
            ["BATON_REDIS_MAIN_URL": "redis://:\(secret)/more@127.0.0.1"]
        },
        Trouble(testDescription: "a password for a key that is not there") {
            [
                "BATON_POSTGRES_URL":
                    "postgresql://postgres@127.0.0.1:\($0.postgres.port)/postgres?sslmode=require&sslkey=/nowhere&sslcert=/nowhere&sslpassword=\(password)"
            ]
        },
        Trouble(testDescription: "a database that is not there") {
            ["BATON_POSTGRES_URL": $0.postgres.url(database: "nothing")]
        },
        Trouble(testDescription: "a parameter that does not exist") {
            ["BATON_POSTGRES_URL": $0.postgres.url() + "?passwort=\(password)"]
        },
    ]

    @Test("in logs, pages and answers, whatever fails, and in what is kept in Redis")
    func everywhere() async throws {
        var redisOptions = LocalRedis.Options()
        (redisOptions.password, redisOptions.tls) = (Self.password, true)
        var postgresOptions = LocalPostgres.Options()
        (postgresOptions.password, postgresOptions.tls) = (Self.password, true)
        let folder = try await Workspace.create(prefix: "baton-test")
        try """
        version: 1
        postgres: { url: "postgresql://nobody@127.0.0.1:1/nothing" }
        redis: { main: { url: "redis://127.0.0.1:1" } }
        """.write(toFile: "\(folder.path)/baton.yaml", atomically: true, encoding: .utf8)
        try ReplicaTests.datasets.write(toFile: "\(folder.path)/datasets.yaml", atomically: true, encoding: .utf8)
        let openRedis = try await LocalRedis.start()
        let redis = try await LocalRedis.start(redisOptions)
        let postgres = try await LocalPostgres.start(postgresOptions)
        let servers = Servers(redis: redis, openRedis: openRedis, postgres: postgres)
        do {
            _ = try await postgres.run(sql: ReplicaTests.schema)
            for trouble in Self.troubles { try await expectSilence(trouble, servers, folder.path) }
            try await expectSilence(ofToolsFor: servers, folder.path)
            try await expectSilence(ofLeader: servers, folder.path)
        } catch {
            Issue.record(error)
        }
        await redis.close()
        await openRedis.close()
        await postgres.close()
        await folder.close()
    }

    /// A replica and every command in this trouble.
    private func expectSilence(_ trouble: Trouble, _ servers: Servers, _ folder: String) async throws {
        let environment = servers.environment.merging(trouble.environment(servers)) { $1 }
        let replica = try await start(folder, environment)
        // It either ends, or complains and tries on.
        try await eventually("\(trouble.testDescription): a complaint") {
            let log = replica.log
            return log.contains(where: \.isWarning) || !replica.process.isRunning && !log.isEmpty
        }
        if let probe = try? await Probe(replica, within: .seconds(1)) {
            expectNoSecret(try await page("/metrics", probe), "\(trouble.testDescription): /metrics")
            expectNoSecret(try await page("/readyz", probe), "\(trouble.testDescription): /readyz")
        }
        try? replica.process.signal(SIGTERM)
        _ = await replica.ended(within: .seconds(20))
        expectNoSecret(replica.log.map(\.text).joined(separator: "\n"), "\(trouble.testDescription): the log")
        await withTaskGroup(of: Void.self) { group in
            let commands = [
                "check", "plan", "status", "step-down", "fsck", "history", "confirm merchants", "pause --for 1s",
                "resume",
                "cache test", "cache list", "cache get merchant:1", "cache clear id 7 --yes",
                "cache backup '\(folder)/backup'",
            ]
            for (number, command) in commands.enumerated() {
                // All at once would be too much for a slow machine.
                if number >= 4 { await group.next() }
                group.addTask {
                    let said = try? await answer(command, folder, environment)
                    expectNoSecret(said ?? "", "\(trouble.testDescription): baton \(command)")
                }
            }
        }
    }

    /// The tools for a Redis that is named without a configuration.
    private func expectSilence(ofToolsFor servers: Servers, _ folder: String) async throws {
        try "\(Self.password)-wrong\n".write(toFile: "\(folder)/password", atomically: true, encoding: .utf8)
        let port = servers.redis.port
        let places: [(options: String, environment: [String: String])] = [
            ("--redis 'redis://:\(Self.password)-wrong@127.0.0.1:\(port)'", [:]),
            ("--redis 'redis://:\(Self.password)@127.0.0.1:\(port)/99'", [:]),
            ("--redis 'redis://:\(Self.password)@127.0.0.1:1'", [:]),
            ("--redis 'redis://:\(Self.secret)/more@127.0.0.1'", [:]),
            ("--redis 'http://:\(Self.password)@127.0.0.1'", [:]),
            ("--port \(port)", ["REDISCLI_AUTH": "\(Self.password)-wrong"]),
            ("--port \(port) --password-file '\(folder)/password'", [:]),
            ("--redis '\(servers.redis.url)'", [:]),
        ]
        for (options, environment) in places {
            for command in ["test", "list", "get merchant:1", "clear id 7 --yes --reason test"] {
                let said = try await answer("cache \(command) \(options)", nil, environment)
                expectNoSecret(said, "baton cache \(command) \(options)")
            }
        }
    }

    /// A leader whose passwords are right, and whose servers go away and come back.
    private func expectSilence(ofLeader servers: Servers, _ folder: String) async throws {
        var environment = servers.environment
        environment["BATON_LOG_FORMAT"] = "text"
        environment["BATON_LOG_LEVEL"] = "info"
        let json = try await start(folder, servers.environment)
        let text = try await start(folder, environment)
        let probe = try await Probe(json)
        try await eventually("a full cache") {
            try await redis(servers, "EXISTS", "merchant:100") == "1"
        }
        try await eventually("statistics") { try await redis(servers, "EXISTS", "{baton:default}:statistics") == "1" }
        expectNoSecret(try await page("/metrics", probe), "/metrics of a leader")
        let commands = [
            "check", "check --grants", "plan", "status", "status --json", "fsck", "history", "cache test", "cache list",
            "cache get merchant:1", "cache clear id 7 --family merchants --yes",
        ]
        for command in commands {
            expectNoSecret(try await answer(command, folder, servers.environment), "baton \(command)")
        }
        try await expectNoSecretInRedis(servers)
        await servers.redis.kill()
        await servers.postgres.stop()
        let before = json.lineCount
        try await eventually("complaints") { json.lineCount > before + 3 }
        // A file with mistakes, of which one holds a secret.
        try "version: 1\npostgres: { password: [\(Self.password)] }\nredis: \(Self.password)"
            .write(toFile: "\(folder)/baton.yaml", atomically: true, encoding: .utf8)
        for replica in [json, text] {
            try replica.process.signal(SIGHUP)
            try await replica.firstLine("its refusal") { $0.text.contains("configuration not reloaded") }
        }
        try await servers.redis.restart()
        try await servers.postgres.restart()
        try await eventually("a full cache again") { try await redis(servers, "EXISTS", "merchant:100") == "1" }
        // Nothing is allowed any more, not even AUTH's own name.
        _ = try await redis(servers, "ACL", "SETUSER", "default", "-@all", "+auth", "+acl")
        let warned = json.lineCount
        try await eventually("more complaints") { json.lineCount > warned + 3 }
        _ = try await redis(servers, "ACL", "SETUSER", "default", "+@all")
        try await expectNoSecretInRedis(servers)
        for replica in [json, text] {
            try replica.process.signal(SIGTERM)
            _ = await replica.ended(within: .seconds(20))
            expectNoSecret(replica.log.map(\.text).joined(separator: "\n"), "the log of a leader")
        }
        // What nothing is looked for in has no secrets either.
        #expect(json.lineCount > 20)
        #expect(text.log.contains { $0.text.contains(" notice   replica   started  ") })
    }

    // MARK: Asking

    private func start(_ folder: String, _ environment: [String: String]) async throws -> ReplicaProcess {
        try await ReplicaProcess.start("a", configuration: "\(folder)/baton.yaml", environment: environment)
    }

    /// Both outputs of a command.
    ///
    /// - Parameter folder: of the configuration; nil to go without one.
    private func answer(_ command: String, _ folder: String?, _ environment: [String: String]) async throws -> String {
        let configuration = folder.map { "--config '\($0)/baton.yaml'" } ?? ""
        let process = try await ChildProcess.start(
            "bash",
            ["-c", "timeout 90 '\(ReplicaProcess.program)' \(command) \(configuration) 2>&1 </dev/null"],
            environment: environment.mapValues { Optional($0) })
        var lines: [String] = []
        for await line in process.standardOutput { lines.append(line) }
        _ = await process.wait()
        #expect(!lines.isEmpty, "baton \(command) says something")
        return lines.joined(separator: "\n")
    }

    private func page(_ path: String, _ probe: Probe) async throws -> String {
        let text = await probe.page(path)
        return try #require(text)
    }

    private func redis(_ servers: Servers, _ words: String...) async throws -> String {
        let process = try await ChildProcess.start(
            "redis-cli", ["-p", "\(servers.redis.port)", "--no-auth-warning", "-a", Self.password] + words)
        var lines: [String] = []
        for await line in process.standardOutput { lines.append(line) }
        _ = await process.wait()
        return lines.joined(separator: "\n")
    }

    private func expectNoSecretInRedis(_ servers: Servers) async throws {
        let keys = try await redis(servers, "KEYS", "{baton:*").split(separator: "\n").map(String.init)
        #expect(keys.count >= 4)
        for key in keys {
            let content =
                switch try await redis(servers, "TYPE", key) {
                case "string": try await redis(servers, "GET", key)
                case "hash": try await redis(servers, "HGETALL", key)
                case "stream": try await redis(servers, "XRANGE", key, "-", "+")
                case let other: "\(other)?"
                }
            // A note that the leader has read meanwhile is gone.
            if content.isEmpty, try await redis(servers, "EXISTS", key) == "0" { continue }
            expectNoSecret(content, "the key \(key)")
        }
        expectNoSecret(try await redis(servers, "CLIENT", "LIST"), "CLIENT LIST")
    }

    private func expectNoSecret(_ text: String, _ what: String) {
        #expect(!text.isEmpty, "\(what): there is nothing to search")
        for line in text.split(separator: "\n") where line.contains(Self.secret) {
            Issue.record("\(what): \(line)")
        }
    }
}

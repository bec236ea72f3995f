import Glibc
import LocalStack
import Testing

@testable import RedisClient

/// Where servers are, and whom they let in.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LogInTests {
    @Test func reportsAServerThatIsNotThere() async throws {
        let port = try freePort()
        for url in ["redis://127.0.0.1:\(port)", "redis://no.such.host.invalid", "unix:///no/such/redis.sock"] {
            let error = try await Self.refusal(url)
            #expect(error.code == .unreachable)
            #expect(error.delivery == .notSent)
            #expect(error.underlying?.isEmpty == false)
        }
    }

    @Test func connectsThroughUnixSockets() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.unixURL + "?db=5")) { connection in
                let info = try await connection.send(RedisCommand("CLIENT", "INFO")).string
                #expect(info?.contains(" db=5 ") == true)
            }
        }
    }

    @Test(.enabled(if: hasIPv6Loopback)) func connectsThroughIPv6() async throws {
        try await LocalRedis.withServer { redis in
            try await Support.withConnection(Support.configuration(redis.url(host: "[::1]", port: redis.port))) {
                connection in
                let info = try await connection.send(RedisCommand("CLIENT", "INFO")).string
                #expect(info?.contains("addr=[::1]:") == true)
            }
        }
    }

    @Test func logsInAndNamesItself() async throws {
        var options = LocalRedis.Options()
        options.password = "s3cret"
        options.aclLines = ["app on >p%40ss ~* +@all", "open on nopass ~* +@all", "off off >secret ~* +@all"]
        try await LocalRedis.withServer(options) { redis in
            let host = "127.0.0.1:\(redis.port)"
            for (url, user) in [
                (redis.url + "3", "default"), ("redis://app:p%2540ss@\(host)/3", "app"),
                ("redis://open@\(host)/3", "open"),
            ] {
                var configuration = try Support.configuration(url.replacing("/03", with: "/3"))
                configuration.clientName = "tester"
                try await Support.withConnection(configuration) { connection in
                    let info = try await connection.send(RedisCommand("CLIENT", "INFO")).string ?? ""
                    #expect(info.contains("name=tester "))
                    #expect(info.contains("db=3 "))
                    #expect(info.contains("user=\(user) "))
                }
            }
            var overridden = try Support.configuration("redis://app:wrong@\(host)")
            overridden.username = "default"
            overridden.password = "s3cret"
            try await Support.withConnection(overridden) { connection in
                let user = try await connection.send(RedisCommand("ACL", "WHOAMI"))
                #expect(user.string == "default")
            }
            for url in [
                "redis://:wrong@\(host)", "redis://app:wrong@\(host)", "redis://nobody:x@\(host)",
                "redis://off:secret@\(host)",
            ] {
                let error = try await Self.refusal(url)
                #expect(error.code == .authentication)
                #expect(error.delivery == .notSent)
                #expect(error.serverError == nil)
                #expect(error.underlying?.hasPrefix("WRONGPASS") == true)
            }
            let missing = try await Self.refusal("redis://\(host)/2")
            #expect(missing.code == .authentication)
            #expect(missing.message.contains("wants a password"))
        }
    }

    @Test func saysThatAServerHasNoPassword() async throws {
        var options = LocalRedis.Options()
        options.password = nil
        try await LocalRedis.withServer(options) { redis in
            let error = try await Self.refusal("redis://:needless@127.0.0.1:\(redis.port)")
            #expect(error.code == .authentication)
            #expect(error.message.contains("has no password"))
        }
    }

    /// A server without `AUTH` repeats what it was sent.
    @Test func keepsPasswordsOutOfErrors() async throws {
        var options = LocalRedis.Options()
        options.configuration = ["rename-command AUTH \"\""]
        try await LocalRedis.withServer(options) { redis in
            let error = try await Self.refusal("redis://user:hunter2@127.0.0.1:\(redis.port)")
            #expect(error.code == .authentication)
            var text = "\(error)"
            dump(error, to: &text)
            #expect(!text.contains("hunter2"))
        }
    }

    @Test func servesUsersWithFewRights() async throws {
        var options = LocalRedis.Options()
        options.aclLines = ["few on >x ~a:* -@all +get"]
        try await LocalRedis.withServer(options) { redis in
            var configuration = try Support.configuration("redis://few:x@127.0.0.1:\(redis.port)")
            configuration.clientName = "few"
            try await Support.withConnection(configuration) { connection in
                #expect(try await connection.send(RedisCommand("GET", "a:1")) == .null)
                let error = try await Support.failure { () throws(RedisError) in
                    try await connection.send(RedisCommand("GET", "b:1"))
                }
                #expect(error.serverError?.kind == .noPermission)
            }
        }
    }

    @Test func refusesADatabaseThatIsNotThere() async throws {
        var options = LocalRedis.Options()
        options.databases = 4
        try await LocalRedis.withServer(options) { redis in
            let error = try await Self.refusal(redis.url.replacing("/0", with: "/4"))
            #expect(error.serverError?.prefix == "ERR")
            #expect(error.delivery == .notSent)
            #expect(error.message.contains("no database 4"))
        }
    }

    // MARK: TLS

    @Test func saysThatAPortSpeaksTLS() async throws {
        var options = LocalRedis.Options()
        options.tls = true
        try await LocalRedis.withServer(options) { redis in
            let port = try #require(redis.tlsPort)
            let error = try await Self.refusal("redis://127.0.0.1:\(port)", RedisTLS())
            #expect(error.message.contains("speaks TLS") && error.message.contains("rediss://"), "\(error)")
        }
    }

    @Test func verifiesServersByTLS() async throws {
        var options = LocalRedis.Options()
        options.password = nil
        options.tls = true
        try await LocalRedis.withServer(options) { redis in
            let certificates = try #require(redis.certificates)
            let port = try #require(redis.tlsPort)
            for host in ["localhost", "127.0.0.1"] + (hasIPv6Loopback ? ["[::1]"] : []) {
                try await Support.withConnection(
                    Self.tls("rediss://\(host):\(port)/2", RedisTLS(caFile: certificates.ca))
                ) { connection in
                    let value = [UInt8](repeating: 9, count: 3 << 20)
                    _ = try await connection.send(RedisCommand([Array("SET".utf8), Array("k".utf8), value]))
                    #expect(try await connection.send(RedisCommand("GET", "k")) == .bytes(value))
                }
            }
            try await Support.withConnection(
                Self.tls("rediss://127.0.0.1:\(port)", RedisTLS(caFile: certificates.ca, serverName: "localhost"))
            ) { connection in
                let reply = try await connection.send(RedisCommand("PING"))
                #expect(reply == .status("PONG"))
            }

            let url = "rediss://localhost:\(port)"
            for (tls, advice) in [
                (RedisTLS(), "trusted authority"),
                (RedisTLS(caFile: certificates.clientCertificate), "trusted authority"),
                (
                    RedisTLS(caFile: certificates.ca, serverName: "other.example.com"),
                    "not made out to other.example.com"
                ),
                (RedisTLS(caFile: certificates.ca, serverName: "10.0.0.1"), "IP address"),
                (RedisTLS(caFile: "/no/such/file"), "/no/such/file"),
                (RedisTLS(caFile: certificates.clientKey), "caFile"),
                (RedisTLS(caFile: certificates.ca, certificateFile: certificates.clientCertificate), "keyFile"),
                (RedisTLS(caFile: certificates.ca, keyFile: certificates.clientKey), "certificateFile"),
            ] {
                let error = try await Self.refusal(url, tls)
                #expect(error.code == .tls, "\(error)")
                #expect(error.delivery == .notSent)
                #expect(error.message.contains(advice), "\(error)")
                #expect(!"\(error)".contains(".cc:"), "\(error)")
            }
            // A plain Redis waits for the rest of what it takes for a command.
            var hasty = try Self.tls("rediss://localhost:\(redis.port)", RedisTLS(caFile: certificates.ca))
            hasty.connectTimeout = .seconds(1)
            let plain = try await Self.refusal(hasty)
            #expect(plain.code == .timeout)
            #expect(plain.message.contains("speaks TLS"))
            let encrypted = try await Self.refusal("redis://127.0.0.1:\(port)")
            #expect([.closed, .protocolViolation].contains(encrypted.code))
        }
    }

    /// 127.0.0.2 reaches the same server, whose certificate does not bear that address.
    @Test func verifiesAddresses() async throws {
        var options = LocalRedis.Options()
        options.tls = true
        options.configuration = ["bind 127.0.0.2"]
        try await LocalRedis.withServer(options) { redis in
            let certificates = try #require(redis.certificates)
            let error = try await Self.refusal(
                "rediss://127.0.0.2:\(try #require(redis.tlsPort))", RedisTLS(caFile: certificates.ca))
            #expect(error.code == .tls)
            #expect(error.message.contains("not made out to 127.0.0.2"), "\(error)")
        }
    }

    @Test func showsItsCertificate() async throws {
        var options = LocalRedis.Options()
        options.tls = true
        options.requiresClientCertificate = true
        try await LocalRedis.withServer(options) { redis in
            let certificates = try #require(redis.certificates)
            let url = try #require(redis.tlsURL)
            let tls = RedisTLS(
                caFile: certificates.ca, certificateFile: certificates.clientCertificate,
                keyFile: certificates.clientKey)
            try await Support.withConnection(Self.tls(url, tls)) { connection in
                let reply = try await connection.send(RedisCommand("PING"))
                #expect(reply == .status("PONG"))
            }
            let error = try await Self.refusal(url, RedisTLS(caFile: certificates.ca))
            // The server's last word may be lost when it hangs up with our commands unread.
            #expect([.tls, .closed].contains(error.code), "\(error)")
        }
    }

    @Test func noticesAStoppedServerThroughTLS() async throws {
        var options = LocalRedis.Options()
        options.tls = true
        try await LocalRedis.withServer(options) { redis in
            let tls = RedisTLS(caFile: try #require(redis.certificates).ca)
            let connection = try await Support.connect(Self.tls(try #require(redis.tlsURL), tls))
            try redis.signal(SIGSTOP)
            let error = try await Support.failure { () throws(RedisError) in
                try await connection.send(RedisCommand("PING"), timeout: .milliseconds(100))
            }
            #expect(error.code == .timeout)
            await connection.waitUntilClosed()
            try redis.signal(SIGCONT)
        }
    }

    @Test func speaksTLSOnlyToThoseWhoDo() async throws {
        let server = try await FakeServer.start(answering: Array("-ERR what?\r\n".utf8))
        // Again and again: it may answer before connecting to it has ended.
        for _ in 0..<50 {
            let error = try await Self.refusal("rediss://127.0.0.1:\(server.port)")
            #expect(error.code == .tls)
            #expect(error.message.contains("does not speak TLS"), "\(error)")
        }
        await server.close()
    }

    @Test(arguments: [
        ("a.example.com", "a.example.com", true), ("A.Example.com", "a.example.COM.", true),
        ("*.example.com", "a.example.com", true), ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "example.com", false), ("*.example.com", ".example.com", false),
        ("example.com", "a.example.com", false), ("*", "localhost", false), ("a*.example.com", "ab.example.com", false),
        ("", "a", false),
    ])
    func comparesNames(pattern: String, host: String, isMatch: Bool) {
        #expect(TLSSetup.matches(pattern: pattern, host) == isMatch)
    }

    private static func tls(_ url: String, _ tls: RedisTLS) throws -> RedisConfiguration {
        var configuration = try Support.configuration(url)
        configuration.tls = tls
        return configuration
    }

    /// The error of connecting where that must fail.
    private static func refusal(_ url: String, _ tls: RedisTLS = RedisTLS()) async throws -> RedisError {
        try await Self.refusal(Self.tls(url, tls))
    }

    private static func refusal(_ configuration: RedisConfiguration) async throws -> RedisError {
        try await Support.failure { () throws(RedisError) in
            let connection = try await Support.connect(configuration)
            await connection.close()
            return connection.openedAt
        }
    }
}

/// Whether `::1` can be bound here.
let hasIPv6Loopback: Bool = {
    let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in6()
    address.sin6_family = sa_family_t(AF_INET6)
    address.sin6_addr = in6addr_loopback
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
        }
    }
}()

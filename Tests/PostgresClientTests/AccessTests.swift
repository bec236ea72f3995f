import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    /// Passwords, `pg_hba.conf` and TLS, on one server.
    @Suite struct AccessTests {
        private static let server = Task {
            var options = LocalPostgres.Options()
            options.password = nil
            options.tls = true
            options.configuration = ["max_connections = 12", "superuser_reserved_connections = 3"]
            let server = try await LocalPostgres.start(options)
            let rules = [
                "local all all trust", "hostssl all encrypted 127.0.0.1/32 trust",
                "hostssl all certified 127.0.0.1/32 trust clientcert=verify-ca",
                "host all unwanted 127.0.0.1/32 reject",
                "host all secretive 127.0.0.1/32 scram-sha-256", "host all postgres 127.0.0.1/32 trust",
                "host all plain 127.0.0.1/32 trust",
            ].map { "'\($0)'" }.joined(separator: ", ")
            try await server.run(
                sql: """
                    create role secretive login password 'päss wörd/%&@'; create role unwanted login;
                    create role encrypted login; create role stranger login; create role plain login;
                    create role certified login;
                    """)
            let file = try await server.run(sql: "show hba_file")
            try await server.run(sql: "copy (select unnest(array[\(rules)])) to '\(file)'; select pg_reload_conf()")
            return server
        }

        private func connect(
            user: String, password: String? = nil, parameters: String = "sslmode=disable"
        ) async throws -> Result<PostgresConnection, PostgresError> {
            let server = try await Self.server.value
            do throws(PostgresError) {
                return .success(
                    try await PostgresConnection.connect(
                        PostgresConfiguration(url: server.url(user: user) + "?\(parameters)", password: password)))
            } catch {
                return .failure(error)
            }
        }

        private func refusal(
            user: String = "postgres", password: String? = nil, parameters: String = "sslmode=disable"
        ) async throws -> PostgresError {
            switch try await connect(user: user, password: password, parameters: parameters) {
            case .success:
                Issue.record("connected")
                throw NoError()
            case .failure(let error):
                return error
            }
        }

        @Test func theRightPassword() async throws {
            let connection = try await connect(user: "secretive", password: "päss wörd/%&@").get()
            #expect(try await connection.query("select current_user").first?[0] == "secretive")
            await connection.close()
            let server = try await Self.server.value
            let inURL = "postgresql://secretive:p%C3%A4ss%20w%C3%B6rd%2F%25%26%40@127.0.0.1:\(server.port)/postgres"
            let other = try await PostgresConnection.connect(PostgresConfiguration(url: inURL))
            await other.close()
        }

        @Test func aWrongPassword() async throws {
            let error = try await refusal(user: "secretive", password: "wr0ngword")
            #expect(error.code == .authentication)
            #expect(error.sqlState == "28P01")
            #expect(error.message.contains("secretive") && error.message.contains("password"))
            #expect(!"\(error)".contains("wr0ngword") && !String(reflecting: error).contains("wr0ngword"))
        }

        @Test func noPassword() async throws {
            let error = try await refusal(user: "secretive", parameters: "sslmode=disable&passfile=/dev/null")
            #expect(error.code == .authentication)
            #expect(error.message.contains("wants a password"))
        }

        @Test(arguments: ["unwanted", "stranger"]) func noEntry(user: String) async throws {
            for mode in ["disable", "prefer"] {
                let error = try await refusal(user: user, parameters: "sslmode=\(mode)")
                #expect(error.code == .authentication)
                #expect(error.sqlState == "28000")
                #expect(error.message.contains("pg_hba.conf") && error.message.contains(user))
            }
        }

        @Test func onlyWithTLS() async throws {
            let error = try await refusal(user: "encrypted")
            #expect(error.code == .authentication)
            #expect(error.message.contains("sslmode=verify-full"))
            let connection = try await connect(user: "encrypted", parameters: "sslmode=require").get()
            #expect(connection.usesTLS)
            await connection.close()
        }

        @Test func tooManyConnections() async throws {
            var connections: [PostgresConnection] = []
            var refused: PostgresError?
            while connections.count < 20, refused == nil {
                switch try await connect(user: "plain") {
                case .success(let connection): connections.append(connection)
                case .failure(let error): refused = error
                }
            }
            #expect(refused?.code == .server(sqlState: "53300"))
            #expect(refused?.message.contains("max_connections") == true)
            for connection in connections { await connection.close() }
        }

        // MARK: TLS

        @Test func aVerifiedServer() async throws {
            let certificates = try #require(try await Self.server.value.certificates)
            let connection = try await connect(
                user: "postgres", parameters: "sslmode=verify-full&sslrootcert=\(certificates.ca)"
            ).get()
            #expect(connection.usesTLS)
            #expect(
                try await connection.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()").first?[0] == "t")

            let stream = try await connection.copy(
                "copy (select repeat('x', i % 40000) from generate_series(1, 1000) i) to stdout")
            var length = 0
            while let chunk = try await stream.next() { length += chunk.count }
            #expect(length == (1...1000).reduce(0) { $0 + $1 % 40_000 + 1 })
            let large = try await connection.query("select repeat('x', 10000000)")
            #expect(large.first?.bytes(at: 0)?.count == 10_000_000)

            let task = Task { try? await connection.query("select pg_sleep(100)") }
            try await Self.server.value.waitForStatement("pg_sleep(100)")
            let start = ContinuousClock.now
            task.cancel()
            #expect(await task.value == nil)
            #expect(ContinuousClock.now - start < .seconds(10))
        }

        @Test func aWrongAuthority() async throws {
            let workspace = try await Workspace.create(prefix: "authority")
            let other = try await LocalCertificates.create(in: workspace)
            let error = try await refusal(parameters: "sslmode=verify-full&sslrootcert=\(other.ca)")
            #expect(error.code == .connection)
            #expect(error.message.contains("sslrootcert") && error.message.contains("CA"))
            await workspace.close()
        }

        @Test func anotherHostName() async throws {
            let server = try await Self.server.value
            let certificates = try #require(server.certificates)
            let url = """
                host=other.example hostaddr=127.0.0.1 port=\(server.port) user=postgres dbname=postgres \
                sslmode=verify-full sslrootcert=\(certificates.ca)
                """
            let error = try await failure { () throws(PostgresError) in
                try await PostgresConnection.connect(PostgresConfiguration(url: url))
            }
            #expect(error.code == .connection)
            #expect(error.message.contains("another host name"))
        }

        @Test func aMissingAuthority() async throws {
            let error = try await refusal(parameters: "sslmode=verify-full&sslrootcert=/nowhere/ca.crt")
            #expect(error.code == .connection)
            #expect(error.message.contains("the file of trusted CAs"))
        }

        @Test("What is not in the URL is not spoken of as if it were")
        func adviceWithoutParameter() async throws {
            // Where libpq looks for one by itself there is none.
            let error = try await refusal(parameters: "sslmode=verify-full")
            #expect(error.code == .connection)
            #expect(error.message.contains("with `sslrootcert` in the URL"), "\(error)")
            let weaker = ["disable", "allow", "prefer", "require", "verify-ca"]
            #expect(!weaker.contains { "\(error)".contains("sslmode=\($0)") } && !"\(error)".contains("change sslmode"))
        }

        @Test func aClientsCertificateIsAskedFor() async throws {
            let error = try await refusal(user: "certified", parameters: "sslmode=require")
            #expect(error.code == .authentication)
            #expect(error.message.contains("`sslcert`") && !error.message.contains("CREATE ROLE"), "\(error)")
        }

        @Test func aServerWithoutTLS() async throws {
            let server = try await LocalPostgres.shared()
            let error = try await failure { () throws(PostgresError) in
                try await PostgresConnection.connect(PostgresConfiguration(url: server.url() + "?sslmode=require"))
            }
            #expect(error.code == .connection)
            #expect(error.message.contains("offers no TLS"))
        }
    }
}

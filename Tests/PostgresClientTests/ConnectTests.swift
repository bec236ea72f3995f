import Glibc
import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    @Suite struct ConnectTests {
        private func refusal(
            _ url: String, password: String? = nil, connectTimeout: Duration = .seconds(5),
            settings: [(String, String)] = []
        ) async throws -> PostgresError {
            try await failure { () throws(PostgresError) in
                try await PostgresConnection.connect(
                    PostgresConfiguration(
                        url: url, password: password, connectTimeout: connectTimeout, settings: settings))
            }
        }

        @Test func aConnectionKnowsItsServer() async throws {
            let connection = try await connect()
            #expect(connection.serverVersion >= 130_000)
            #expect(!connection.usesTLS)
            #expect(connection.isUsable)
            #expect(await connection.parameter("server_encoding") == "UTF8")
            #expect(await connection.parameter("client_encoding") == "UTF8")
            #expect(await connection.parameter("no such") == nil)
            let pid = try await connection.query("select pg_backend_pid()")
            #expect(pid.first?[0] == "\(connection.backendPID)")
            await connection.close()
            #expect(await connection.parameter("server_encoding") == nil)
        }

        @Test func unixSocket() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(
                    url: "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres"))
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func nobodyListens() async throws {
            let port = try freePort()
            let tcp = try await refusal("postgresql://u:geheim@127.0.0.1:\(port)/d")
            #expect(tcp.code == .connection)
            #expect(tcp.message.contains("127.0.0.1:\(port)") && tcp.message.contains("nothing listens there"))
            #expect(!tcp.description.contains("geheim"))
            let six = try await refusal("postgresql://u@[::1]:\(port)/d")
            #expect(six.message.contains("PostgreSQL at [::1]:\(port) cannot be reached"), "\(six)")
            let unix = try await refusal("host=/tmp/nowhere port=\(port) user=u")
            #expect(unix.code == .connection)
            #expect(unix.message.contains("/tmp/nowhere/.s.PGSQL.\(port)") && unix.message.contains("no such socket"))
        }

        @Test func anUnknownHost() async throws {
            let error = try await refusal("postgresql://u@no-such-host.invalid/d", connectTimeout: .seconds(1))
            // A machine without a name server may take its time to find out.
            #expect(error.code == .connection || error.code == .timeout)
            #expect(error.message.contains("name"))
        }

        @Test func anUnknownDatabase() async throws {
            let server = try await LocalPostgres.shared()
            let error = try await refusal(server.url(database: "nirgends"))
            #expect(error.code == .server(sqlState: "3D000"))
            #expect(error.message.contains("nirgends") && error.message.contains("CREATE DATABASE"))
        }

        @Test func aClosedDatabase() async throws {
            let server = try await LocalPostgres.shared()
            let url = try await server.createDatabase("closed")
            try await server.run(sql: "alter database closed allow_connections false")
            let error = try await refusal(url)
            #expect(error.code == .server(sqlState: "55000"))
            #expect(error.message.contains("closed") && error.message.contains("ALLOW_CONNECTIONS true"))
        }

        @Test func anUnknownUser() async throws {
            // A server that asks for a password doesn't say which of the two is wrong.
            var options = LocalPostgres.Options()
            options.password = nil
            try await LocalPostgres.withServer(options) { server in
                let error = try await refusal(server.url(user: "niemand"))
                #expect(error.code == .authentication)
                #expect(error.sqlState == "28000")
                #expect(error.message.contains("niemand") && error.message.contains("CREATE ROLE"))
            }
        }

        @Test func noRightToConnect() async throws {
            let server = try await LocalPostgres.shared()
            try await server.run(
                sql: "create role guest login; create database club; revoke connect on database club from public")
            let error = try await refusal(server.url(database: "club", user: "guest"))
            #expect(error.code == .server(sqlState: "42501"))
            #expect(error.message.contains("GRANT CONNECT"))
        }

        @Test func refusalsOfAServerThatIsNotReady() async throws {
            for (state, words) in [("57P03", "starting up"), ("53300", "max_connections"), ("57P01", "restarted")] {
                let fake = try FakeServer(answer: FakeServer.refusal(sqlState: state, message: "not now"))
                let error = try await refusal("postgresql://u@127.0.0.1:\(fake.port)/d?sslmode=disable")
                #expect(error.code == .server(sqlState: state))
                #expect(error.message.contains(words))
            }
        }

        @Test func somethingElseListens() async throws {
            let fake = try FakeServer(answer: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
            for mode in ["disable", "require"] {
                let error = try await refusal("postgresql://u:geheim@127.0.0.1:\(fake.port)/d?sslmode=\(mode)")
                #expect(error.code == .connection)
                #expect(error.message.contains("PostgreSQL"))
                #expect(!error.description.contains("geheim"))
            }
        }

        @Test func aServerThatNeverAnswers() async throws {
            let fake = try FakeServer()
            let start = ContinuousClock.now
            let error = try await refusal(
                "postgresql://u@127.0.0.1:\(fake.port)/d", connectTimeout: .milliseconds(200))
            #expect(error.code == .timeout)
            #expect(error.message.contains("127.0.0.1:\(fake.port)"))
            #expect(ContinuousClock.now - start < .seconds(2))
        }

        @Test("A host of the URL that says nothing leaves time to the others; one that refuses the password does not")
        func severalHosts() async throws {
            let silent = try FakeServer()
            let server = try await LocalPostgres.shared()
            let url = server.url().replacing("@", with: "@127.0.0.1:\(silent.port),")
            let start = ContinuousClock.now
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: url, connectTimeout: .seconds(6)))
            #expect(ContinuousClock.now - start >= .seconds(3))
            #expect(try await connection.query("show port").first?[0] == "\(server.port)")
            #expect(connection.silentHosts.map(\.code) == [.timeout])
            #expect(connection.silentHosts.first?.message.contains("127.0.0.1:\(silent.port) ") == true)
            await connection.close()
            let twice = server.url().replacing("@", with: "@127.0.0.1:\(server.port),")
            let error = try await refusal(twice, password: "wrong")
            #expect(error.code == .authentication)
            #expect("\(error.underlying ?? "")".split(separator: "FATAL", omittingEmptySubsequences: false).count == 2)
        }

        @Test func anUnreadableURL() async throws {
            let error = try await refusal("mysql://ann:geheim@h/d")
            #expect(error.code == .usage)
            #expect(!error.description.contains("geheim"))
        }

        // MARK: Settings

        @Test func settingsAreApplied() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(
                    url: server.url(), applicationName: "tests of ours", statementTimeout: .milliseconds(12_345),
                    settings: [("TimeZone", "Asia/Tokyo"), ("search_path", "pg_catalog, public"), ("my.own", "it's")]))
            let row = try await connection.query(
                """
                select current_setting('TimeZone'), current_setting('search_path'), current_setting('my.own'),
                    current_setting('statement_timeout'), current_setting('application_name'), current_schemas(false)
                """)
            let values = (0..<6).map { row.first?[$0] }
            #expect(
                values == [
                    "Asia/Tokyo", "pg_catalog, public", "it's", "12345ms", "tests of ours", "{pg_catalog,public}",
                ])
            await connection.close()
        }

        /// Poolers hand a session on with whatever is set in it.
        @Test func nothingIsSetForTheSession() async throws {
            let connection = try await connect(settings: [("TimeZone", "Asia/Tokyo"), ("work_mem", "7MB")])
            _ = try await connection.query("select 1")
            _ = try await connection.describe("select 1")
            _ = try await connection.copy("copy (select 1) to stdout").next()
            _ = try await failure { () throws(PostgresError) in try await connection.query("select 1/0") }
            try await connection.begin(statementTimeout: .seconds(7), lockTimeout: .seconds(3))
            #expect(try await connection.query("show statement_timeout").first?[0] == "7s")
            #expect(try await connection.query("show lock_timeout").first?[0] == "3s")
            #expect(try await connection.query("show work_mem").first?[0] == "7MB")
            try await connection.commit()
            // Settings hold in transactions that the client begins, so this one sees the session's own.
            try await connection.execute(
                """
                create temp table found as select name from pg_settings
                where source = 'session' and name not in ('application_name', 'client_encoding')
                """)
            #expect(try await connection.query("select name from found").compactMap { $0[0] } == [])
            await connection.close()
        }

        /// Else even `SELECT 1` waits until strangers have ended their transactions.
        @Test(.timeLimit(.minutes(1))) func aDeferrableRoleWaitsForNobody() async throws {
            let server = try await LocalPostgres.shared()
            let url = try await server.createDatabase()
            let stranger = try await PostgresConnection.connect(PostgresConfiguration(url: url))
            try await stranger.execute(
                """
                create table strange (a int); create role deferring login password '\(LocalPassword.ofThisProcess)';
                alter role deferring set default_transaction_isolation = serializable;
                alter role deferring set default_transaction_deferrable = on;
                alter role deferring set default_transaction_read_only = on;
                """)
            try await stranger.execute(
                "begin isolation level serializable; insert into strange values (1); select * from strange")
            let name = url.split(separator: "/").last.map(String.init) ?? ""
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: server.url(database: name, user: "deferring"), isReadOnly: true))
            #expect(try await connection.query("select 1").first?[0] == "1")
            #expect(try await connection.describe("select 1 as one").count == 1)
            #expect(try await connection.copy("copy (select 1) to stdout").next() != nil)
            await connection.close()
            try await stranger.execute("rollback")
            try await stranger.execute("drop role deferring")
            await stranger.close()
        }

        @Test func aWrongSettingIsRefused() async throws {
            let server = try await LocalPostgres.shared()
            let error = try await refusal(server.url(), settings: [("no_such_setting", "1")])
            #expect(error.code == .server(sqlState: "42704"))
            #expect(error.message.contains("no_such_setting"))
        }

        @Test func textIsAlwaysUTF8() async throws {
            let server = try await LocalPostgres.shared()
            let url = try await server.createDatabase(encoding: "LATIN1")
            let connection = try await PostgresConnection.connect(
                PostgresConfiguration(url: url, settings: [("client_encoding", "LATIN1")]))
            #expect(await connection.parameter("server_encoding") == "LATIN1")
            #expect(try await connection.query("select chr(228)").first?[0] == "ä")
            #expect(try await connection.query("select ascii($1)", ["ä"]).first?[0] == "228")
            await connection.close()
        }

        @Test func bytesThatAreNotUTF8() async throws {
            let server = try await LocalPostgres.shared()
            let url = try await server.createDatabase(encoding: "SQL_ASCII")
            let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url))
            let row = try #require(try await connection.query(#"select e'a\xe4'::text"#).first)
            #expect(row.bytes(at: 0) == [0x61, 0xe4])
            #expect(row[0] == "a\u{FFFD}")
            await connection.close()
        }

        // MARK: Closing

        @Test func closingEndsEverything() async throws {
            let server = try await LocalPostgres.shared()
            // A busy machine may be slow by itself: the best of three attempts counts.
            var best = Duration.seconds(1_000)
            for _ in 0..<3 where best >= .seconds(1) {
                let connection = try await connect()
                async let running = failure { () throws(PostgresError) in
                    try await connection.query("select pg_sleep(100), 'to be closed'")
                }
                try await server.waitForStatement("to be closed")
                let start = ContinuousClock.now
                await connection.close()
                #expect(try await running.code == .closed)
                best = min(best, ContinuousClock.now - start)
                #expect(!connection.isUsable)
                let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
                #expect(error.code == .closed)
                #expect(error.message.contains("close()"))
                await connection.close()
                try await server.waitForStatement("to be closed", running: false)
            }
            #expect(best < .seconds(1))
        }

        @Test func theLastReferenceCloses() async throws {
            let server = try await LocalPostgres.shared()
            var connection: PostgresConnection? = try await connect()
            let pid = connection?.backendPID ?? 0
            #expect(try await server.run(sql: "select count(*) from pg_stat_activity where pid = \(pid)") == "1")
            connection = nil
            try await eventually("the session stays") {
                try await server.run(sql: "select count(*) from pg_stat_activity where pid = \(pid)") == "0"
            }
        }
    }
}

import Glibc
import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    /// Every wait ends at once when its task is cancelled.
    @Suite struct CancellationTests {
        @Test func beforeTheCall() async throws {
            let connection = try await connect()
            let task = Task { () async -> PostgresError? in
                // Waits for the cancellation, whenever it comes.
                try? await Task.sleep(for: .seconds(60))
                do throws(PostgresError) {
                    _ = try await connection.query("select 1")
                    return nil
                } catch {
                    return error
                }
            }
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(connection.isUsable)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func duringConnect() async throws {
            let fake = try FakeServer()
            for mode in ["disable", "prefer", "require"] {
                let configuration = PostgresConfiguration(
                    url: "postgresql://u@127.0.0.1:\(fake.port)/d?sslmode=\(mode)")
                let before = Usage.descriptors
                try await expectPromptCancellation { () throws(PostgresError) in
                    try await PostgresConnection.connect(configuration)
                } once: {
                    try await eventually("no socket is opened") { Usage.descriptors >= before + 3 }
                }
                try await eventually("descriptors stay open") { Usage.descriptors <= before }
            }
        }

        @Test func duringAQuery() async throws {
            let server = try await LocalPostgres.shared()
            try await expectPromptCancellation { () throws(PostgresError) in
                let connection = try await PostgresConnection.connect(PostgresConfiguration(url: server.url()))
                return try await connection.query("select pg_sleep(100), 'a long query'")
            } once: {
                try await server.waitForStatement("a long query")
            }
            try await server.waitForStatement("a long query", running: false)
        }

        /// A request to cancel that comes before the server has read the statement is lost; it must not run on for
        /// that.
        @Test func rightAfterSending() async throws {
            let server = try await LocalPostgres.shared()
            for delay in 0..<20 {
                let connection = try await connect()
                let task = Task { try? await connection.query("select pg_sleep(100), 'hardly begun'") }
                try await Task.sleep(for: .microseconds(delay * 100))
                task.cancel()
                #expect(await task.value == nil)
            }
            try await server.waitForStatement("hardly begun", running: false)
        }

        @Test func atTheStartOfACopy() async throws {
            let server = try await LocalPostgres.shared()
            try await expectPromptCancellation { () throws(PostgresError) in
                let connection = try await PostgresConnection.connect(PostgresConfiguration(url: server.url()))
                return try await connection.copy("copy (select pg_sleep(100), 'a late flush') to stdout").next()
            } once: {
                try await server.waitForStatement("a late flush")
            }
            try await server.waitForStatement("a late flush", running: false)
        }

        @Test func withinACopy() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await connect()
            let stream = try await connection.copy(
                """
                copy (select repeat('x', 1000), case i when 100 then pg_sleep(100) end from generate_series(1, 100) i)
                to stdout
                """, chunkBytes: 256 << 10)
            // What the server keeps in its buffer comes after the sleep.
            #expect(try await stream.next() != nil)
            // One stream can be cancelled once, so this has one attempt, and a busy machine some time for it.
            let task = Task { () async -> PostgresError? in
                do throws(PostgresError) {
                    _ = try await stream.next()
                    return nil
                } catch {
                    return error
                }
            }
            try await server.waitForStatement("repeat(")
            let start = ContinuousClock.now
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            #expect(ContinuousClock.now - start < .seconds(10))
            #expect(!connection.isUsable)
            #expect(try await stream.next() == nil)
            let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
            #expect(error.code == .closed)
            #expect(error.message.contains("cancelled"))
            try await server.waitForStatement("repeat(", running: false)
        }

        @Test func whileRowsKeepComing() async throws {
            let server = try await LocalPostgres.shared()
            try await expectPromptCancellation { () throws(PostgresError) in
                let connection = try await PostgresConnection.connect(PostgresConfiguration(url: server.url()))
                let stream = try await connection.copy(
                    "copy (select generate_series(1, 1000000000), 'without end') to stdout", chunkBytes: 8 << 20)
                while try await stream.next() != nil {}
            } once: {
                try await server.waitForStatement("without end")
            }
            try await server.waitForStatement("without end", running: false)
        }

        @Test func whileAStatementIsSent() async throws {
            try await LocalPostgres.withServer { server in
                let connection = try await connect(to: server)
                try server.signalAll(SIGSTOP)
                // More than the sockets hold, to a server that reads nothing.
                let sql = "select length('\(String(repeating: "x", count: 16 << 20))')"
                let task = Task { try? await connection.query(sql) }
                try await Task.sleep(for: .milliseconds(100))
                let start = ContinuousClock.now
                task.cancel()
                #expect(await task.value == nil)
                #expect(ContinuousClock.now - start < .seconds(10))
                #expect(!connection.isUsable)
                try server.signalAll(SIGCONT)
            }
        }

        @Test func inATransaction() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await connect()
            let task = Task {
                try await connection.transaction { connection in
                    _ = try await connection.query("select 1")
                    try await Task.sleep(for: .seconds(100))
                }
            }
            let idle =
                "select count(*) from pg_stat_activity where pid = \(connection.backendPID) and state = 'idle in transaction'"
            try await eventually("no transaction is open") { try await server.run(sql: idle) == "1" }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            // A rollback would have to be waited for; closing ends the transaction as well.
            #expect(!connection.isUsable)
            try await eventually("the transaction stays open") { try await server.run(sql: idle) == "0" }
        }

        /// libpq blocks in a call of its own, as it does while a name is looked up; here it opens a CA file that is a
        /// pipe.
        @Test func whileLibpqBlocks() async throws {
            var options = LocalPostgres.Options()
            options.tls = true
            try await LocalPostgres.withServer(options) { server in
                let workspace = try await Workspace.create(prefix: "blocking")
                let pipe = "\(workspace.path)/ca.pipe"
                try #require(mkfifo(pipe, 0o600) == 0)
                let url = server.url() + "?sslmode=verify-ca&sslrootcert=\(pipe)"
                let before = Usage.descriptors

                try await expectPromptCancellation { () throws(PostgresError) in
                    try await PostgresConnection.connect(PostgresConfiguration(url: url))
                } once: {
                    try await eventually("no socket is opened") { Usage.descriptors >= before + 3 }
                    try await Task.sleep(for: .milliseconds(50))
                }

                let start = ContinuousClock.now
                let error = try await failure { () throws(PostgresError) in
                    try await PostgresConnection.connect(
                        PostgresConfiguration(url: url, connectTimeout: .milliseconds(100)))
                }
                #expect(error.code == .timeout)
                #expect(ContinuousClock.now - start < .seconds(2))

                // Lets the threads go that still wait for the file; they free what they hold.
                try await eventually("descriptors stay open") {
                    let writer = open(pipe, O_WRONLY | O_NONBLOCK)
                    if writer >= 0 { Glibc.close(writer) }
                    return Usage.descriptors <= before
                }
                await workspace.close()
            }
        }
    }

    /// What a server does to its clients.
    @Suite struct LostServerTests {
        private func killedInMidCopy(_ signal: (LocalPostgres) async throws -> Void) async throws -> PostgresError {
            try await LocalPostgres.withServer { server in
                let connection = try await connect(to: server)
                let stream = try await connection.copy("copy (select generate_series(1, 100000000)) to stdout")
                #expect(try await stream.next() != nil)
                try await signal(server)
                let error = try await failure { () throws(PostgresError) in
                    while try await stream.next() != nil {}
                }
                #expect(!connection.isUsable)
                #expect(try await stream.next() == nil)
                let later = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
                #expect(later.code == .closed)
                return error
            }
        }

        @Test func killed() async throws {
            let error = try await killedInMidCopy { server in await server.kill() }
            #expect(error.code == .connection)
            #expect(error.message.contains("Open a new connection"))
        }

        @Test func shutDown() async throws {
            let error = try await killedInMidCopy { server in await server.stop() }
            // Depending on how much of the copy was under way, the server's last words arrive or do not.
            #expect(error.code == .connection || error.code == .server(sqlState: "57P01"))
            #expect(error.message.contains("Open a new connection"))
        }

        @Test func restartedWhileIdle() async throws {
            try await LocalPostgres.withServer { server in
                let connection = try await connect(to: server)
                try await server.restart()
                let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
                #expect(error.code == .connection || error.code == .server(sqlState: "57P01"))
                #expect(error.message.contains("Open a new connection"))
                #expect(!connection.isUsable)
                let fresh = try await connect(to: server)
                #expect(try await fresh.query("select 1").first?[0] == "1")
                await fresh.close()
            }
        }

        @Test func terminatedByTheAdministrator() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await connect()
            async let running = failure { () throws(PostgresError) in try await connection.query("select pg_sleep(100)")
            }
            try await server.waitForStatement("pg_sleep(100)")
            try await server.run(sql: "select pg_terminate_backend(\(connection.backendPID))")
            #expect(try await running.code == .server(sqlState: "57P01"))
            #expect(!connection.isUsable)
        }

        @Test func stopped() async throws {
            try await LocalPostgres.withServer { server in
                let threads = Usage.threads
                let connection = try await connect(to: server, responseTimeout: .milliseconds(200))
                let other = try await connect(to: server)
                let copying = try await connect(to: server, responseTimeout: .milliseconds(200))
                let stream = try await copying.copy("copy (select generate_series(1, 100000000)) to stdout")
                #expect(try await stream.next() != nil)
                try server.signalAll(SIGSTOP)

                let start = ContinuousClock.now
                let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
                #expect(error.code == .timeout)
                #expect(!connection.isUsable)
                let inMidCopy = try await failure { () throws(PostgresError) in
                    while try await stream.next() != nil {}
                }
                #expect(inMidCopy.code == .timeout)
                #expect(ContinuousClock.now - start < .seconds(5))

                let task = Task { try? await other.query("select 1") }
                try await Task.sleep(for: .milliseconds(50))
                let cancelled = ContinuousClock.now
                task.cancel()
                #expect(await task.value == nil)
                #expect(ContinuousClock.now - cancelled < .seconds(10))

                // A stopped server accepts by its kernel only.
                let attempt = try await failure { () throws(PostgresError) in
                    try await PostgresConnection.connect(
                        PostgresConfiguration(url: server.url(), connectTimeout: .milliseconds(200)))
                }
                #expect(attempt.code == .timeout)

                try server.signalAll(SIGCONT)
                // Requests to cancel hung until now.
                try await eventually("threads hang") { Usage.threads <= threads + 8 }
            }
        }
    }
}

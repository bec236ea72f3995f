import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    @Suite struct ResourceTests {
        @Test func manyConnectionsLeaveNothingBehind() async throws {
            let server = try await LocalPostgres.shared()
            let configuration = PostgresConfiguration(url: server.url())
            func open(_ kind: Int) async throws {
                let connection = try await PostgresConnection.connect(configuration)
                switch kind % 4 {
                case 0: await connection.close()
                case 1: _ = try await connection.query("select 1")
                case 2: _ = try await connection.copy("copy (select generate_series(1, 1000000)) to stdout").next()
                default:
                    let task = Task { try? await connection.query("select pg_sleep(100), 'left behind'") }
                    task.cancel()
                    _ = await task.value
                }
            }
            for kind in 0..<4 { try await open(kind) }
            try await server.waitForStatement("left behind", running: false)
            let (descriptors, threads) = (Usage.descriptors, Usage.threads)
            for kind in 0..<80 { try await open(kind) }
            try await eventually("descriptors stay open: \(descriptors) became \(Usage.descriptors)") {
                Usage.descriptors <= descriptors
            }
            try await eventually("threads stay: \(threads) became \(Usage.threads)") { Usage.threads <= threads + 6 }
            let ours =
                "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
            try await eventually("sessions stay") { try await server.run(sql: ours) == "0" }
        }

        @Test func manyConnectionsWaitAtOnce() async throws {
            let server = try await LocalPostgres.shared()
            let configuration = PostgresConfiguration(url: server.url(), connectTimeout: .seconds(30))
            let start = ContinuousClock.now
            try await withThrowingTaskGroup { group in
                for _ in 0..<40 {
                    group.addTask {
                        let connection = try await PostgresConnection.connect(configuration)
                        _ = try await connection.query("select pg_sleep(0.5)")
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
            // One after the other would be 20 seconds.
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }
}

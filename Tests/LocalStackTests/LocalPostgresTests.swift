import LocalStack
import Testing

@Suite struct LocalPostgresTests {
    @Test func startsAndStops() async throws {
        let postgres = try await LocalPostgres.start()
        #expect(try await postgres.run(sql: "select 1") == "1")
        let url = try await postgres.createDatabase()
        #expect(url == "postgresql://postgres@127.0.0.1:\(postgres.port)/database_1")
        await postgres.close()
        #expect(!postgres.isRunning)
    }
}

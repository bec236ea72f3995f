import CacheRefresh
import LocalStack
import PostgresClient
import Testing

@testable import Demo

@Suite(.timeLimit(.minutes(10)))
struct SampleDatabaseTests {
    @Test func loadsAndLetsItsReaderReadOnly() async throws {
        try await LocalPostgres.withServer { server in
            let sample = SampleDatabase(on: server, size: SampleDatabase.Size(merchants: 1_500))
            try await sample.create()
            try await sample.fill()
            let reader = try await PostgresConnection.connect(PostgresConfiguration(url: sample.readerURL))
            let counts = [
                "merchants": 1_500, "tenants": 50, "payment_channels": 200, "plugins": 40, "plugin_configs": 200,
                "plugin_pay_types": 60, "users": 500, "app_users": 300, "oa_users": 100,
            ]
            for (table, count) in counts {
                #expect(try await reader.query("select count(*) from \(table)").first?[0] == "\(count)", "\(table)")
                for statement in ["delete from \(table)", "truncate \(table)", "drop table \(table)"] {
                    await #expect(throws: PostgresError.self, "\(statement)") { try await reader.execute(statement) }
                }
            }
            await #expect(throws: PostgresError.self) { try await reader.execute("create table mine (id integer)") }
            #expect(
                try await reader.query("select avg(length(to_jsonb(m)::text)) between 250 and 350 from merchants m")
                    .first?[0] == "t")
            await reader.close()
            try await everyChangeRuns(sample)
        }
    }

    private func everyChangeRuns(_ sample: SampleDatabase) async throws {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url: sample.ownerURL))
        var changes = SampleChanges(sample.size)
        var random = SystemRandomNumberGenerator()
        var effective: Set<String> = []
        var kinds: Set<String> = []
        for number in 0..<400 {
            let change = changes.next(newID: 10_000 + number, using: &random)
            let words = change.words.filter { !$0.isNumber }
            kinds.insert(words)
            for effect in change.effects where effect.relation != "plugin_pay_types" {
                _ = try await connection.query("select from \(effect.relation) where \(effect.condition)")
            }
            if try await !connection.query(change.sql).isEmpty { effective.insert(words) }
        }
        #expect(kinds == effective)
        #expect(kinds.count >= 14)
        await connection.close()
    }
}

import CacheRefresh
import TestSupport
import Testing

@testable import Operations

@Suite("What check says of columns with odd names")
struct ColumnNameInspectionTests {
    @Test("Two columns whose names Swift takes for one are two, and PostgreSQL understands what it is asked of them")
    func equivalentNames() async throws {
        let schema = """
            create table t (id int primary key, "\u{E9}" text, "e\u{301}" text);
            insert into t values (1, 'one scalar', 'two')
            """
        try await RefreshWorld.with(sql: schema) { world in
            let dataset = try Dataset.table("t", ["t:{id}", "one:{\u{E9}}", "two:{e\u{301}}"])
            let connection = try await world.connect()
            let section = await DatasetInspection(
                dataset: dataset, keyPrefix: "", connection: connection
            ).inspect().section
            #expect(!section.findings.isEmpty)
            #expect(section.findings.allSatisfy { !"\($0)".contains("PostgreSQL says") })
        }
    }
}

import TestSupport
import Testing

@testable import Operations

/// What the cache's tools learn of a row from the database.
@Suite("baton cache, asking the database")
struct CacheRowsTests {
    static let datasets = """
        version: 1
        datasets:
          appUsers:
            table: app_users
            where: "1 / (id - 13) is not null"
            mode: invalidate
            ttl: 1h
            keys: { "user:{id}": row, "phone:{phone}": { column: id } }

        """
    static let schema = #"""
        create table app_users (id bigint primary key, phone text unique, name text, extra json);
        insert into app_users values
            (6, '100', E'\u0081', '{"a":"x\u0000y","b":"\ud800"}'), (7, '200', 'null', '[[[]]]'), (13, '300', 'Bo', null);
        """#

    private func tools(_ fixture: InspectionFixture) throws -> CacheTools {
        try CacheTools(try fixture.files.load(), server: nil, database: nil)
    }

    @Test("a row is found whatever it holds", arguments: [("6", "100"), ("7", "200")])
    func present(_ id: String, _ phone: String) async throws {
        try await InspectionFixture.with(Self.datasets, schema: Self.schema.replacing(" - 13", with: " - 99")) {
            fixture in
            try await fixture.send(["SET", "phone:\(phone)", id])
            let report = try await tools(fixture).clear(.ids([id]))
            let plan = try await tools(fixture).plan(.ids([id]))
            #expect(plan.remarkText().words.contains("still has the row with id \(id)"))
            #expect(report.count == 1)
        }
    }

    @Test("only a row that is not there is said not to be there")
    func absent() async throws {
        try await InspectionFixture.with(Self.datasets, schema: Self.schema) { fixture in
            for (id, says) in [
                ("8", "has no row with id 8"), ("x", "has no row with id x"),
                ("99999999999999999999", "has no row with id 99999999999999999999"),
                // The condition divides by zero: nobody knows.
                ("13", "app_users can't be asked"),
            ] {
                let plan = try await tools(fixture).plan(.ids([id]))
                let text = plan.remarkText().words
                #expect(text.contains(says), "\(text)")
                #expect(text.contains("has no row") == says.contains("has no row"), "\(text)")
            }
        }
    }
}

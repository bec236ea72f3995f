import LocalStack
import PostgresClient
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import CacheRefresh
@testable import DatasetReading
@testable import Operations

@Suite("What check and plan say of a filter")
struct FilterInspectionTests {
    @Test("check shows the conditions, what is not read, and where changes can be lost")
    func check() async throws {
        let datasets = """
            version: 1
            datasets:
              whole: { table: merchants, where: "id > 0", key: "a:{id}" }
              part: { table: merchants, where: "id > 0", filter: "id < 10", key: "b:{id}", ttl: 7h }
              view: { table: loud_merchants, identity: [id], filter: "id < 10", key: "c:{id}" }
              cheap: { table: merchants, filter: "id < 10", key: "d:{id}", changes: filter }
              beside: { table: merchants, filter: "id < 10", key: "e:{id}", mode: invalidate }

            """
        try await InspectionFixture.with(datasets) { fixture in
            let report = try await fixture.inspector().check()
            func facts(_ name: String) -> [String: [String]] {
                let section = report.sections.first { $0.name == name }
                return Dictionary(section?.facts.map { ($0.label, $0.lines) } ?? []) { first, _ in first }
            }
            #expect(facts("whole")["where"] == ["id > 0"] && facts("whole")["filter"] == nil)
            #expect(facts("part")["where"] == ["id > 0"])
            let filter = facts("part")["filter"]?.first ?? ""
            #expect(filter.hasPrefix("id < 10, about ") && filter.hasSuffix(" of 30 rows"), "\(filter)")
            let notes = report.texts(.note, in: "part").joined()
            for words in [
                "read when they change", "go with the TTL of 7h", "is deleted or stops matching `where` is not noticed",
                "Redis without keys",
            ] {
                #expect(notes.contains(words), "\(notes)")
            }
            #expect(!report.texts(.note, in: "beside").joined().contains("TTL"))
            for name in ["whole", "part", "beside"] { #expect(report.texts(.warning, in: name) == [], "\(name)") }
            for name in ["view", "cheap"] {
                #expect(report.texts(.warning, in: name).joined().contains("a change is lost"), "\(name)")
            }
        }
    }

    @Test("plan looks at what changed since the last mark, as a new leader will")
    func plan() async throws {
        let datasets = """
            version: 1
            datasets:
              part: { table: merchants, filter: "id < 10", key: "merchant:{id}" }

            """
        try await InspectionFixture.with(datasets) { fixture in
            var plan = try await fixture.inspector().plan()
            #expect(plan.count(.new, of: "part") == 9)
            let dataset = try #require(try fixture.files.load().datasets.first)
            let postgres = try await PostgresConnection.connect(PostgresConfiguration(url: fixture.databaseURL))
            let binding = try await DatasetSource(dataset: dataset, keyPrefix: "").bind(on: postgres)
            let snapshot = try await Snapshot.take(on: postgres)
            await postgres.close()
            let mark = Mark(
                horizon: snapshot.horizon, history: snapshot.history, fingerprint: "\(binding.fingerprint)")
            try await fixture.send(["HSET", "{baton:default}:marks", "part", "\(mark)"])
            try await fixture.run(sql: "update merchants set name = 'x' where id > 20")
            plan = try await fixture.inspector().plan()
            // More if a transaction of another test is older than the table.
            #expect(plan.count(.new, of: "part") >= 19)
        }
    }
}

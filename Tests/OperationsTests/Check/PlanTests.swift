import CacheRefresh
import PostgresClient
import RedisClient
import Testing

@testable import BatonConfiguration
@testable import DatasetReading
@testable import Formatting
@testable import Operations

@Suite("baton plan, on real servers")
struct PlanTests {
    @Test("tells new, changed, right, deleted and set-aside keys apart, and writes nothing")
    func everything() async throws {
        let datasets = """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}", maxValueBytes: 60B }

            """
        try await InspectionFixture.with(datasets) { fixture in
            try await fixture.run(sql: "update merchants set name = repeat('x', 100) where id = 30")
            try await fixture.send(["SET", "merchant:1", #"{"id":1,"name":"Merchant 1","rate":0.25}"#, "EX", "86400"])
            try await fixture.send(["SET", "merchant:2", #"{"id":2,"name":"Merchant 2","rate":0.50}"#])
            try await fixture.send(["SET", "merchant:3", "old", "EX", "86400"])
            try await fixture.send(["HSET", "merchant:4", "a", "b"])
            try await fixture.send(["SET", "merchant:99", "orphan"])
            try await fixture.send(["SET", "merchant:foreign", "not a number"])
            let before = try await fixture.send(["DBSIZE"])
            let plan = try await fixture.inspector().plan(limit: 2)
            #expect(plan.count(.new, of: "merchants") == 25)
            #expect(plan.count(.change, of: "merchants") == 2)
            #expect(plan.count(.delete, of: "merchants") == 1)
            #expect(plan.count(.renew, of: "merchants") == 1)
            #expect(plan.count(.keep, of: "merchants") == 1)
            #expect(plan.count(.setAside, of: "merchants") == 1)
            #expect(
                plan.text() == """
                    merchants  30 rows → redis main
                      write new                  25
                          merchant:5
                          merchant:6
                          … and 23 more
                      change                      2
                          merchant:3
                          merchant:4
                      delete                      1
                          merchant:99
                      renew TTL                   1
                          merchant:2
                      right already               1
                      rows set aside              1
                          30: the value has at least 100 bytes, more than maxValueBytes

                    Nothing was written

                    """)
            #expect(plan.json.contains("\"merchant:99\""))
            #expect(try await fixture.send(["DBSIZE"]) == before)
            #expect(try await fixture.send(["GET", "merchant:3"]).string == "old")
        }
    }

    @Test("shows what the brake would hold")
    func brake() async throws {
        try await InspectionFixture.with { fixture in
            try await fixture.run(sql: "delete from merchants")
            for id in 1...20 { try await fixture.send(["SET", "merchant:\(id)", "x", "EX", "86400"]) }
            let plan = try await fixture.inspector().plan(limit: 3)
            #expect(plan.count(.held, of: "merchants") == 20)
            #expect(plan.count(.delete, of: "merchants") == 0)
            #expect(plan.text().contains("`baton confirm merchants`"))
        }
    }

    @Test("hashes are compared field by field")
    func hashes() async throws {
        let datasets = """
            version: 1
            datasets:
              configs: { table: plugin_configs, as: hash, key: "c:{plugin_id}:{name}" }

            """
        try await InspectionFixture.with(datasets) { fixture in
            #expect(try await fixture.inspector().plan().count(.new, of: "configs") == 1)
            try await fixture.send(["HSET", "c:7:limit", "plugin_id", "7", "name", "limit", "value", "11"])
            #expect(try await fixture.inspector().plan().count(.change, of: "configs") == 1)
            try await fixture.send(["HSET", "c:7:limit", "value", "10"])
            try await fixture.send(["EXPIRE", "c:7:limit", "86400"])
            #expect(try await fixture.inspector().plan().count(.keep, of: "configs") == 1)
        }
    }

    @Test("mode existing rewrites only what is loaded, mode invalidate unlinks only what is there")
    func modes() async throws {
        let datasets = """
            version: 1
            datasets:
              merchants: { table: merchants, mode: existing, key: "merchant:{id}" }
              appUsers: { enabled: false, table: app_users, mode: invalidate, key: "user:{id}" }

            """
        try await InspectionFixture.with(datasets) { fixture in
            try await fixture.send(["SET", "merchant:3", "old"])
            try await fixture.send(["SET", "user:1", "theirs"])
            let plan = try await fixture.inspector().plan(datasets: ["merchants", "appUsers"])
            #expect(plan.count(.change, of: "merchants") == 1)
            #expect(plan.count(.keep, of: "merchants") == 29)
            #expect(plan.count(.delete, of: "appUsers") == 1)
            #expect(plan.text().contains("No leader has left a mark: all keys would go."))
        }
    }

    @Test("says whether the mark that a leader left is of use, and what would go without it")
    func marks() async throws {
        let datasets = """
            version: 1
            datasets:
              appUsers: { table: app_users, mode: invalidate, key: "user:{id}" }
              loud: { table: loud_merchants, identity: [id], mode: invalidate, key: "loud:{id}" }

            """
        try await InspectionFixture.with(datasets) { fixture in
            for key in ["user:1", "user:2", "loud:1"] { try await fixture.send(["SET", key, "theirs"]) }
            let inspector = try fixture.inspector()
            let connection = try await inspector.connectToPostgres()
            let dataset = try #require(inspector.configuration.enabledDatasets.first { $0.name == "appUsers" })
            let source = DatasetSource(dataset: dataset, keyPrefix: "")
            let fingerprint = "\(try await source.bind(on: connection).fingerprint)"
            let now = try await Snapshot.take(on: connection)
            await connection.close()
            var restarted = now.history
            restarted.start -= 1
            let cases: [(mark: String, words: String, deleted: Int)] = [
                ("1 7 7412/app/1 0011", "A mark is there, of another version of Baton: all keys would go.", 2),
                (
                    "\(Mark(horizon: now.horizon, history: now.history, fingerprint: "0011"))",
                    "A mark is there, of another definition: all keys would go.", 2
                ),
                (
                    "\(Mark(horizon: now.horizon, history: restarted, fingerprint: fingerprint))",
                    "A mark is there, of another history", 2
                ),
                (
                    "\(Mark(horizon: now.horizon, history: now.history, fingerprint: fingerprint))",
                    "from the mark that the one before left.", 0
                ),
            ]
            for test in cases {
                for name in ["appUsers", "loud"] {
                    try await fixture.send(["HSET", "{baton:default}:marks", name, test.mark])
                }
                let plan = try await inspector.plan()
                #expect(plan.text(TextLayout(columns: 200)).contains(test.words), "\(plan.text())")
                // Rows that older transactions of others may hide count as changed.
                #expect(test.deleted == 0 || plan.count(.delete, of: "appUsers") == test.deleted, "\(test.words)")
                #expect(plan.count(.delete, of: "loud") == 1)
            }
            #expect(try await inspector.plan().text(TextLayout(columns: 200)).contains("view or a query"))
        }
    }

    @Test("an operator's confirmation is left in Redis")
    func confirmation() async throws {
        try await InspectionFixture.with(main: "group: shop\nkeyPrefix: 'p:'") { fixture in
            let confirmation = try await fixture.inspector().confirm(dataset: "merchants")
            let found = try await fixture.send(["HGET", "p:{baton:shop}:requests", "confirm:merchants"])
            #expect(found.int == confirmation.timeMilliseconds)
            #expect(confirmation.timeMilliseconds > 1_500_000_000_000)
            #expect(confirmation.leader == nil)
            #expect(confirmation.text.contains("No replica leads now"))
            try await fixture.send([
                "SET", "p:{baton:shop}:lease",
                #"{"format":1,"epoch":"7","token":"t","holder":"pod-1","since":"1","deployment":"d"}"#,
            ])
            #expect(try await fixture.inspector().confirm(dataset: "merchants").leader == "pod-1")
            await #expect(throws: InspectionError.self) { try await fixture.inspector().confirm(dataset: "merchant") }
        }
    }
}

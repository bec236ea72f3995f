import LocalStack
import NIOCore
import NIOPosix
import Testing

@testable import Operations

@Suite("baton check, on real servers")
struct CheckTests {
    @Test("explains what fits, for people")
    func golden() async throws {
        try await InspectionFixture.with(
            """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}" }
              appUsers:
                table: app_users
                mode: invalidate
                ttl: 1h
                keys: { "cache:appUsers:id:{id}": row, "cache:appUsers:phone:{phone}": { column: id } }
              configs:
                table: plugin_configs
                as: hash
                every: 5s
                key: "plugin_config:{plugin_id}:{name}"
              off: { enabled: false, table: settings, key: "off:{name}" }

            """, main: "group: shop"
        ) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.status == .done)
            let text = report.text()
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
            // From the datasets on nothing differs from server to server.
            let datasets = try #require(text.firstRange(of: "dataset merchants"))
            #expect(
                text[datasets.lowerBound...] == """
                    dataset merchants  table merchants → redis main, upsert, every 1s, TTL 24h
                      columns   id bigint, name text, rate numeric(5,2)
                      identity  id (the primary key)
                      keys      merchant:{id} holds the row
                      example   merchant:1
                                {"id":1,"name":"Merchant 1","rate":0.25}
                      size      about 30 rows, 5.0 KiB in Redis, 2.9 KiB in the leader's memory
                      gate      reads only after something was written

                    dataset appUsers  table app_users → redis main, invalidate, every 1s, TTL 1h
                      columns   id bigint, phone text, name text
                      identity  id (the primary key)
                      keys      cache:appUsers:id:{id}, unlinked on change
                                cache:appUsers:phone:{phone}, unlinked on change
                      example   cache:appUsers:id:1
                                cache:appUsers:phone:100
                      size      about 2 rows, 200 B in the leader's memory
                      gate      reads only after something was written
                      note      Rows whose phone is NULL have no key cache:appUsers:phone:{phone}.

                    dataset configs
                      table plugin_configs → redis main, upsert as hash, every 5s, TTL 24h
                      columns   plugin_id integer, name text, value text
                      identity  plugin_id, name (the primary key)
                      keys      plugin_config:{plugin_id}:{name} holds the row
                      example   plugin_config:7:limit
                                name=limit plugin_id=7 value=10
                      size      about 1 row, 167 B in Redis, 100 B in the leader's memory
                      gate      reads only after something was written

                    No problem

                    """)
            #expect(text.contains("Redis \(7)") || text.contains("Valkey"))
            #expect(report.json.contains("\"kind\": \"dataset\""))
        }
    }

    /// A dataset that does not fit, and words of what is said about it.
    struct Misfit: Sendable, CustomTestStringConvertible {
        let dataset: String
        let severity: Finding.Severity
        let words: [String]
        var testDescription: String { dataset }

        init(_ dataset: String, _ words: String..., as severity: Finding.Severity = .problem) {
            self.dataset = dataset
            self.severity = severity
            self.words = words
        }
    }

    @Test("says of each misfit what is wrong and what to do, all in one go")
    func misfits() async throws {
        let misfits = [
            "absent": Misfit(
                "{ table: no_such, key: 'a:{id}' }", "The table no_such does not exist", "Correct `table`"),
            "column": Misfit(
                "{ table: merchants, key: 'b:{nope}' }", "the column nope", "The columns are id, name, rate"),
            "keyless": Misfit("{ table: settings, key: 'c:{name}' }", "no primary key", "`identity`"),
            "loose": Misfit(
                "{ table: settings, identity: [name], key: 'd:{name}' }", "No unique index covers (name)",
                "two rows can have one identity", "Create a unique index"),
            "phone": Misfit(
                "{ table: app_users, keys: { 'e:{id}': row, 'e2:{name}': { column: id } } }",
                "No unique index covers (name)", "two rows can make one key e2:{name}"),
            "structured": Misfit(
                "{ table: settings, identity: [name], key: 'f:{value}' }", "the column value, whose value is JSON"),
            "repeating": Misfit(
                "{ query: select 1 as id from merchants, identity: [id], key: 'g:{id}' }",
                "Several rows have the same id"),
            "syntax": Misfit(
                "{ query: selec 1, identity: [id], key: 'h:{id}' }", "syntax error at or near", "Correct `query`"),
            "condition": Misfit(
                "{ table: merchants, where: nme = 'x', key: 'w:{id}' }", "column \"nme\" does not exist",
                "Correct `where`"),
            "profile": Misfit(
                "{ table: plugin_configs, key: 'k:{name}:{plugin_id}' }", as: .note),
            "profile2": Misfit(
                "{ query: select name as id from merchants, identity: [id], key: 'k:{id}' }",
                "could both make the key k:1:1"),
            "own": Misfit(
                "{ query: select name as id from merchants, identity: [id], key: '{{baton:{id}' }", "Baton's own"),
            "clock": Misfit(
                "{ query: 'select id from merchants where now() > to_timestamp(0)', identity: [id], key: 'n:{id}' }",
                as: .note),
            "large": Misfit(
                "{ table: merchants, key: 'o:{id}', maxValueBytes: 10B }", "can't be written", "maxValueBytes",
                as: .warning
            ),
            "texts": Misfit(
                "{ query: 'select name as a, name as b from merchants', identity: [a, b], key: 'p:{a}:{b}' }",
                "several texts", as: .warning),
        ]
        let datasets = misfits.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value.dataset)\n" }.joined()
        try await InspectionFixture.with("version: 1\ndatasets:\n\(datasets)") { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.status == .no)
            for (name, misfit) in misfits {
                let texts = report.texts(misfit.severity, in: name).joined(separator: "\n")
                for word in misfit.words {
                    #expect(texts.contains(word), "\(name): \(texts)")
                }
                if misfit.words.isEmpty { #expect(report.texts(.problem, in: name) == [], "\(name)") }
            }
            for problem in report.findings where problem.severity == .problem {
                #expect(!problem.remedy.isEmpty || problem.text.contains("."), "\(problem)")
            }
            #expect(report.text().contains("gate      reads at every tick: now()"))
            #expect(report.text().split(separator: "\n").allSatisfy { $0.count <= 80 })
        }
    }

    @Test("a partial unique index serves a dataset with a condition, with a warning")
    func partialIndex() async throws {
        let schema = """
            create table people (id int primary key, phone text, deleted bool not null default false);
            create unique index on people (phone) where not deleted;
            """
        let datasets = """
            version: 1
            datasets:
              living: { table: people, where: not deleted, keys: { "l:{phone}": row } }
              all: { table: people, keys: { "a:{phone}": row } }

            """
        try await InspectionFixture.with(datasets, schema: schema) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.texts(.problem, in: "living") == [])
            #expect(report.texts(.warning, in: "living").first?.contains("(NOT deleted)") == true)
            #expect(report.texts(.problem, in: "all").first?.contains("No unique index covers (phone)") == true)
            #expect(report.text().contains("example   none: there is no row yet"))
        }
    }

    @Test("rows of tables that inherit share no unique index: warned of, and a problem once an identity comes twice")
    func inheritance() async throws {
        let schema = """
            create table people (id int primary key, phone text);
            create table clerks (primary key (id)) inherits (people);
            insert into people values (1, 'a'); insert into clerks values (2, 'b')
            """
        let datasets = "version: 1\ndatasets: { people: { table: people, key: \"p:{id}\" } }\n"
        try await InspectionFixture.with(datasets, schema: schema) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.texts(.problem, in: "people") == [])
            let warning = try #require(report.texts(.warning, in: "people").first)
            #expect(
                warning.contains("inherit from this one") && warning.contains("clerks)")
                    && warning.contains("from only"))
            try await fixture.run(sql: "insert into clerks values (1, 'c')")
            let problems = try await fixture.inspector().check().texts(.problem, in: "people")
            #expect(problems.first?.contains("Several rows have the same id") == true)
        }
    }

    @Test("several hosts in one URL are warned of, unless only a primary may answer")
    func severalHosts() async throws {
        try await InspectionFixture.with { fixture in
            let host = "127.0.0.1:\(fixture.postgres.port)"
            let url = fixture.databaseURL.replacing(host, with: "\(host),\(host)")
            #expect(url != fixture.databaseURL)
            func warnings(_ url: String) async throws -> [String] {
                try await fixture.inspector(["BATON_POSTGRES_URL": url]).check().texts(.warning, in: "")
            }
            let several = try await warnings(url)
            #expect(several.first?.contains("several hosts (\(host), \(host))") == true)
            let primaries = try await warnings(url + "?target_session_attrs=read-write")
            let single = try await warnings(fixture.databaseURL)
            #expect(primaries == [] && single == [])
        }
    }

    @Test("a host of the URL that says nothing is named, with what it costs")
    func silentHost() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        try await InspectionFixture.with { fixture in
            let host = "127.0.0.1:\(silent.localAddress?.port ?? 0)"
            let url =
                fixture.databaseURL.replacing(
                    "@127", with: "@\(host),127") + "?target_session_attrs=read-write"
            let warnings = try await fixture.inspector(["BATON_POSTGRES_URL": url]).check().texts(.warning, in: "")
            #expect(warnings.count == 1, "\(warnings)")
            #expect(warnings.first?.hasPrefix("PostgreSQL at \(host) did not accept a connection within 2.") == true)
            #expect(warnings.first?.contains("Each new connection waits as long for it") == true)
        }
        try await silent.close()
    }

    @Test("hidden rows and a missing permission are told")
    func permissions() async throws {
        let datasets = """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}" }
              configs: { table: plugin_configs, key: "plugin_config:{plugin_id}:{name}" }

            """
        try await InspectionFixture.with(datasets) { fixture in
            try await fixture.run(
                sql: """
                    create role blind login; alter table merchants enable row level security;
                    grant select on merchants to blind;
                    """)
            let report = try await fixture.inspector([
                "BATON_POSTGRES_URL": fixture.databaseURL.replacing("//postgres:", with: "//blind:")
            ]).check()
            try await fixture.run(sql: "drop owned by blind; drop role blind")
            #expect(report.texts(.warning, in: "merchants").first?.contains("Row-level security") == true)
            let problem = try #require(report.texts(.problem, in: "configs").first)
            #expect(problem.contains("permission denied"))
            #expect(problem.contains("--grants"))
            #expect(report.status == .refused)
        }
    }

    @Test("servers that can't be reached or refuse are told, and the rest is checked all the same")
    func unreachable() async throws {
        try await InspectionFixture.with { fixture in
            let noPostgres = try await fixture.inspector(["BATON_POSTGRES_URL": "postgresql://127.0.0.1:1/app"]).check()
            #expect(noPostgres.status == .unavailable)
            #expect(noPostgres.texts(.problem, in: "main") == [])
            let noRedis = try await fixture.inspector(["BATON_REDIS_MAIN_URL": "redis://127.0.0.1:1"]).check()
            #expect(noRedis.status == .unavailable)
            #expect(noRedis.texts(.problem, in: "merchants") == [])
            let wrongPassword = try await fixture.inspector(["BATON_REDIS_MAIN_PASSWORD": "wrong"]).check()
            #expect(wrongPassword.status == .refused)
            await #expect(throws: InspectionError.self) { try await fixture.inspector().check(datasets: ["merchant"]) }
        }
    }

    @Test("a Redis in cluster mode, or one that evicts the lease, is refused")
    func redis() async throws {
        var options = LocalRedis.Options()
        options.configuration = ["cluster-enabled yes"]
        try await InspectionFixture.with(redis: options) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.texts(.problem, in: "main").first?.contains("cluster mode") == true)
            #expect(report.status == .no)
        }
        options.configuration = ["maxmemory 100mb", "maxmemory-policy volatile-ttl"]
        try await InspectionFixture.with(redis: options) { fixture in
            let report = try await fixture.inspector().check()
            #expect(report.texts(.problem, in: "main").first?.contains("volatile-ttl") == true)
        }
    }

    @Test(
        "what stands in the lease's place is told",
        arguments: [
            (["SET", "{baton:default}:lease", "nonsense"], "no lease"),
            (["HSET", "{baton:default}:lease", "a", "b"], "another type"),
            (
                [
                    "SET", "{baton:default}:lease",
                    #"{"format":1,"epoch":"7","token":"t","holder":"pod-1","since":"1","deployment":"1/other"}"#,
                ], "another deployment"
            ),
        ])
    func lease(_ command: [String], words: String) async throws {
        try await InspectionFixture.with { fixture in
            try await fixture.send(command)
            let problems = try await fixture.inspector().check().texts(.problem, in: "main")
            #expect(problems.contains { $0.contains(words) }, "\(problems)")
        }
    }
}

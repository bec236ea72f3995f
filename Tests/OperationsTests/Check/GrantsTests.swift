import CacheRefresh
import Glibc
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import Operations

@Suite("The least permissions")
struct GrantsTests {
    @Test("name every command that the sources send and the scripts call")
    func commands() throws {
        let granted = Set(RedisGrants.needs.flatMap(\.commands)).union(["select"])
        var used: [String: String] = [:]
        for path in try Self.sources() {
            let text = try ConfigurationFixture.read(path)
            let calls =
                path.hasSuffix(".lua")
                ? Self.words(in: text, after: ["redis.call('", "redis.pcall('"], endingAt: "'")
                : Self.words(
                    in: text, after: ["RedisCommand(\"", "ask(redis, \"", "Array(\"", "append(\""], endingAt: "\"")
            for call in calls where call == call.uppercased() && call.count > 2 && call.first?.isLetter == true {
                used[call.lowercased()] = path
            }
        }
        // Written in two words, or by the connection itself before anybody may do anything.
        for (command, subcommands) in [
            "client": "client|setname", "script": "script|load", "pubsub": "pubsub|numsub", "memory": "memory|usage",
        ] {
            if used.removeValue(forKey: command) != nil { #expect(granted.contains(subcommands)) }
        }
        for word in [
            "auth", "hello", "match", "count", "maxlen", "xx", "keepttl", "px", "nx", "setname", "load", "numsub",
            "usage",
            "replace", "absttl",
            // Asked by `check` where the user may; it would show the server's passwords too, so nobody is told to grant it.
            "config",
        ] {
            used[word] = nil
        }
        for (command, path) in used {
            #expect(granted.contains(command), "\(path) uses \(command), which RedisGrants does not name")
        }
        for command in ["xrevrange", "persist", "xadd", "scan"] { #expect(used[command] != nil, "\(command) is used") }
        #expect(used.count > 15, "the sources are searched for commands, and some must be found")
    }

    @Test("are one line for Redis, and statements for PostgreSQL")
    func text() async throws {
        try await InspectionFixture.with(
            """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}" }
              odd: { table: settings, identity: [name], key: "odd [{name}] * x" }
              loud: { table: loud_merchants, identity: [id], key: "loud:{id}" }
              joined:
                query: select m.id, c.name from merchants m join plugin_configs c on c.plugin_id = m.id
                identity: [id, name]
                key: "joined:{id}:{name}"
              off: { enabled: false, table: app_users, key: "off:{id}" }

            """, main: "keyPrefix: 'p:'"
        ) { fixture in
            let grants = try await fixture.inspector().grants(role: "reader")
            #expect(
                fixture.anonymous(grants.text(for: .postgres)) == """
                    GRANT CONNECT ON DATABASE DATABASE TO reader;
                    GRANT USAGE ON SCHEMA public TO reader;
                    GRANT SELECT ON TABLE public.loud_merchants TO reader;
                    GRANT SELECT ON TABLE public.merchants TO reader;
                    GRANT SELECT (name, plugin_id) ON TABLE public.plugin_configs TO reader;
                    GRANT SELECT ON TABLE public.settings TO reader;

                    """)
            let line = try #require(grants.redis.first?.line)
            #expect(
                line.hasPrefix(
                    "ACL SETUSER reader on resetkeys resetchannels -@all ~p:{baton:default}:* ~p:merchant:* "
                        + "~p:odd??*????x ~p:loud:* ~p:joined:*:* &p:{baton:default}:* +ping "))
            #expect(grants.text.contains("CREATE ROLE reader LOGIN"))
            #expect(grants.json.contains("\"main\": \"ACL SETUSER reader"))
        }
    }

    @Test("are apart for replicas and for operators, for the lease and for keys, for the first database and for others")
    func purposes() async throws {
        try await LocalRedis.withServer { other in
            try await InspectionFixture.with(
                """
                version: 1
                datasets:
                  merchants: { table: merchants, key: "merchant:{id}" }
                  loud: { table: loud_merchants, identity: [id], key: "loud:{id}", redis: other }
                families:
                  sessions: { keys: "session:{id}" }

                """, otherRedis: other
            ) { fixture in
                let inspector = try fixture.inspector(["BATON_REDIS_OTHER_URL": "\(other.url.dropLast())3"])
                func words(_ purpose: Grants.Purpose?) async throws -> [String: Set<String>] {
                    let lines = try await inspector.grants(role: "r", for: purpose).redis
                    return Dictionary(
                        uniqueKeysWithValues: lines.map {
                            ($0.name, Set($0.line.split(separator: " ").map(String.init)))
                        })
                }
                let (run, operating, all) = (try await words(.run), try await words(.operator), try await words(nil))
                #expect(run["main"]?.isSuperset(of: ["~merchant:*", "+subscribe", "+set", "+info"]) == true)
                #expect(run["main"]?.isDisjoint(with: ["~session:*", "+xrevrange", "+dump", "+select"]) == true)
                #expect(run["other"]?.isSuperset(of: ["~loud:*", "+select", "+unlink"]) == true)
                #expect(run["other"]?.isDisjoint(with: ["+subscribe", "+xadd", "&{baton:default}:*"]) == true)
                #expect(
                    operating["main"]?.isSuperset(of: ["~session:*", "~merchant:*", "+xrevrange", "+dump"]) == true)
                #expect(operating["main"]?.isDisjoint(with: ["+subscribe", "+set", "+select"]) == true)
                for server in ["main", "other"] {
                    #expect(all[server] == run[server]?.union(operating[server] ?? []))
                }
                #expect(try await inspector.grants(role: "r").text.contains("It holds in all databases"))
            }
        }
    }

    @Test("a view needs no permission on what is behind it, a partitioned table none on its partitions")
    func views() async throws {
        try await InspectionFixture.with(
            """
            version: 1
            datasets:
              loud: { table: loud_merchants, identity: [id], key: "loud:{id}" }
              parts: { table: shop.parts, key: "part:{id}" }

            """,
            schema: InspectionFixture.schema + """
                create schema shop;
                create table shop.parts (id int primary key) partition by range (id);
                create table shop.parts_1 partition of shop.parts for values from (0) to (100);
                """
        ) { fixture in
            let grants = try await fixture.inspector().grants(role: "reader")
            #expect(
                grants.postgres.filter { $0.contains("TABLE") || $0.contains("SCHEMA") } == [
                    "GRANT USAGE ON SCHEMA public TO reader;", "GRANT USAGE ON SCHEMA shop TO reader;",
                    "GRANT SELECT ON TABLE public.loud_merchants TO reader;",
                    "GRANT SELECT ON TABLE shop.parts TO reader;",
                ])
        }
    }

    @Test("suffice for check, plan and confirm")
    func suffice() async throws {
        try await InspectionFixture.with(
            """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}" }
              loud: { table: loud_merchants, identity: [id], key: "loud:{id}", as: hash }

            """
        ) { fixture in
            let role = "least_\(getpid())"
            try await fixture.run(sql: "create role \(role) login password 'secret'")
            let grants = try await fixture.inspector().grants(role: role)
            try await fixture.run(sql: grants.text(for: .postgres))
            for line in grants.redis.map(\.line) + ["ACL SETUSER \(role) >word"] {
                try await fixture.send(line.split(separator: " ").map(String.init))
            }

            let least = try fixture.inspector([
                "BATON_POSTGRES_URL": fixture.databaseURL.replacing("//postgres:", with: "//\(role):"),
                "BATON_POSTGRES_PASSWORD": "secret", "BATON_REDIS_MAIN_USERNAME": role,
                "BATON_REDIS_MAIN_PASSWORD": "word",
            ])
            let report = try await least.check()
            #expect(report.findings.filter { $0.severity != .note } == [])
            #expect(report.text().contains(role), "it is the role that looks, not the administrator")
            let plan = try await least.plan()
            #expect(plan.count(.new, of: "merchants") == 30)
            _ = try await least.confirm(dataset: "merchants")
            try await fixture.run(sql: "drop owned by \(role); drop role \(role)")
        }
    }

    @Test("suffice for a replica that leads, also where the keys are not beside the lease")
    func sufficeToLead() async throws {
        let datasets = """
            version: 1
            datasets:
              merchants: { table: merchants, key: "merchant:{id}" }
              loud: { table: loud_merchants, identity: [id], key: "loud:{id}", as: hash, redis: other }
              appUsers:
                table: app_users
                key: "user:{id}"
                mode: invalidate
                repeatAfter: 100ms
                repeatLateAfter: 300ms

            """
        try await LocalRedis.withServer { other in
            try await InspectionFixture.with(datasets, otherRedis: other) { fixture in
                let role = "leading_\(getpid())"
                try await fixture.run(sql: "create role \(role) login")
                let grants = try await fixture.inspector().grants(role: role, for: .run)
                try await fixture.run(sql: grants.text(for: .postgres))
                for (name, line) in grants.redis {
                    for line in [line, "ACL SETUSER \(role) >word"] {
                        try await fixture.send(
                            line.split(separator: " ").map(String.init), to: name == "other" ? other : nil)
                    }
                }
                try await fixture.send(["SET", "merchant:99", "orphan"])
                try await fixture.send(["SET", "user:1", "stale"])
                let url = fixture.databaseURL.replacing("//postgres:", with: "//\(role):")
                // Until the last of what it has to do was done, or a minute has passed. The lease is so long that a
                // renewal may be slow without being logged as an error.
                let run = try await BatonProgram.run(
                    """
                    export BATON_POSTGRES_URL='\(url)' BATON_LOG_FORMAT=text;
                    export BATON_LEASE_TTL=30s BATON_LEASE_RENEW_TIMEOUT=5s;
                    for redis in MAIN OTHER; do
                      export BATON_REDIS_${redis}_USERNAME=\(role) BATON_REDIS_${redis}_PASSWORD=word;
                    done;
                    $BATON run --config baton.yaml & pid=$!;
                    for i in {1..600}; do
                      [ "$(redis-cli -u '\(other.address)' exists loud:30)" = 1 ] &&
                      [ "$(redis-cli -u '\(fixture.redis.address)' exists merchant:30)" = 1 ] &&
                      [ "$(redis-cli -u '\(fixture.redis.address)' exists merchant:99 user:1)" = 0 ] &&
                      [ "$(redis-cli -u '\(fixture.redis.address)' hexists '{baton:default}:marks' appUsers)" = 1 ] &&
                      echo done && break;
                      sleep 0.1;
                    done;
                    sleep 1.2; kill -TERM $pid; wait $pid; echo "status $?"
                    """, in: fixture.files)
                try await fixture.run(sql: "drop owned by \(role); drop role \(role)")
                #expect(run.output.hasSuffix("done\nstatus 0\n"), "\(run.output)")
                #expect(!run.errors.contains("NOPERM") && !run.errors.contains("permission"), "\(run.errors)")
                #expect(!run.errors.contains("error"), "\(run.errors)")
                let events = try await fixture.send(["XLEN", "{baton:default}:events"])
                #expect(events.int ?? 0 >= 2, "elected and resigned are in the history")
            }
        }
    }

    // MARK: Sources

    /// All of what connects to a Redis.
    private static func sources() throws -> [String] {
        try SourceFiles.all(in: ["Sources/RedisClient"] + SourceFiles.layers)
            .filter { $0.hasSuffix(".swift") || $0.hasSuffix(".lua") }
    }

    private static func words(in text: String, after beginnings: [String], endingAt end: Character) -> [String] {
        beginnings.flatMap { beginning in
            text.ranges(of: beginning).map { String(text[$0.upperBound...].prefix { $0 != end }) }
        }
    }
}

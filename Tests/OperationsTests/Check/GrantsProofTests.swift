import CacheRefresh
import LeaderElection
import LocalStack
import Logging
import NIOPosix
import PostgresClient
import RedisClient
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import DatasetReading
@testable import ElectionRuntime
@testable import Formatting
@testable import GroupState
@testable import Operations
@testable import RefreshRuntime

/// Takes each permission away that is printed, lets Baton do what it does all the same, and looks what was missed.
@Suite("Each of the least permissions is needed")
struct GrantsProofTests {
    private static let datasets = """
        version: 1
        defaults: { changes: snapshot }
        datasets:
          merchants: { table: merchants, key: "merchant:{id}" }
          configs: { table: plugin_configs, key: "plugin_config:{plugin_id}:{name}", as: hash }
          appUsers: { table: app_users, key: "user:{id}", mode: invalidate }
        families:
          sessions: { keys: ["session:{id}"] }

        """

    @Test("of the commands of Redis, for replicas and for operators", arguments: Grants.Purpose.allCases)
    func commands(_ purpose: Grants.Purpose) async throws {
        var options = LocalRedis.Options()
        options.configuration = ["acllog-max-len 100000"]
        try await InspectionFixture.with(Self.datasets, redis: options) { fixture in
            // Not the first database, so that it has to be selected.
            let url = "\(fixture.redis.url.dropLast())1"
            let commands = RedisGrants(
                user: "", configuration: try fixture.files.load(["BATON_REDIS_MAIN_URL": url]), redis: "main",
                for: [purpose]
            ).commands
            #expect(commands.contains("select") && commands.count > 20)
            for command in commands {
                let user = "without-" + command.replacing("|", with: "-")
                let environment = [
                    "BATON_GROUP": user, "BATON_REDIS_MAIN_URL": url, "BATON_REDIS_MAIN_USERNAME": user,
                    "BATON_REDIS_MAIN_PASSWORD": "word",
                ]
                let configuration = try fixture.files.load(environment)
                let line = RedisGrants(user: user, configuration: configuration, redis: "main", for: [purpose]).line
                for line in [line, "ACL SETUSER \(user) >word -\(command)"] {
                    try await fixture.send(line.split(separator: " ").map(String.init))
                }
                switch purpose {
                case .run: await replica(configuration, fixture, looks: command == "info")
                case .operator: await operatorsDay(configuration, fixture)
                }
            }
            let missed = try await Self.refused(by: fixture)
            for command in commands {
                let user = "without-" + command.replacing("|", with: "-")
                #expect(missed.contains("\(user) \(command)"), "nobody misses \(command)")
            }
            // Nobody missed what they had; but `check` also asks what few may ask, and does without.
            #expect(missed.subtracting(["without-info config|get"]).count == commands.count, "\(missed)")
        }
    }

    /// Who was refused what, each once.
    private static func refused(by fixture: InspectionFixture) async throws -> Set<String> {
        let entries = try await fixture.send(["ACL", "LOG", "100000"]).array ?? []
        return Set(
            entries.map { entry in
                let fields = entry.array?.map { $0.string ?? "" } ?? []
                func value(_ name: String) -> String { fields.firstIndex(of: name).map { fields[$0 + 1] } ?? "?" }
                return "\(value("username")) \(value("object"))"
            })
    }

    // MARK: What replicas do

    /// A term from its beginning to its end, whatever fails of it.
    private func replica(_ configuration: Configuration, _ fixture: InspectionFixture, looks: Bool) async {
        guard let redis = configuration.redis["main"] else { return }
        let keys = GroupKeys(prefix: "", group: configuration.group)
        let settings = redis.clientConfiguration(name: "baton")
        let store = LeaseStore(
            redis: settings, keys: keys, holder: "pod-1", deployment: "d", timing: ElectionBench.patience,
            eventLoop: RefreshWorld.eventLoop, logger: RefreshWorld.quiet)
        let token = Token.random()
        let messages = store.listen(as: token)
        for await _ in messages { break }
        if let lease = try? await store.acquire(token, floor: .zero, isHeard: true).answer.granted() {
            _ = try? await store.renew(lease, isHeard: true)
            let replicaInfo = ReplicaInfo(id: "1", name: "pod-1", version: "1", revision: "r", startedMilliseconds: 0)
            _ = try? await store.present(replicaInfo)
            _ = try? await store.isHeard(token)
            let term = LeadershipTerm(lease: lease, deadline: .now + .seconds(600))
            await passes(configuration, settings, keys, term, fixture)
            // Somebody empties the cache of scripts.
            _ = try? await fixture.send(["SCRIPT", "FLUSH"])
            _ = try? await store.renew(lease, isHeard: true)
            await store.leave(replicaInfo)
            _ = try? await store.resign(lease, .shutdown)
        }
        await messages.close()
        await store.close()
        if looks { _ = try? await Inspector(configuration, path: "baton.yaml").check() }
    }

    private func passes(
        _ configuration: Configuration, _ settings: RedisConfiguration, _ keys: GroupKeys, _ term: LeadershipTerm,
        _ fixture: InspectionFixture
    ) async {
        let client = RedisClient(settings, eventLoop: RefreshWorld.eventLoop, logger: RefreshWorld.quiet) {
            connection throws(RedisError) in
            try await RedisNature.admit(connection, timeout: .seconds(20))
        }
        let fence = Fence(keys: keys, deployment: "d", term: term, redis: client, logger: RefreshWorld.quiet)
        let cleared = ClearedKeys(keys: keys, token: term.token, redis: client, interval: .zero)
        guard let connection = try? await PostgresConnection.connect(configuration.postgresConfiguration) else {
            return
        }
        for key in ["merchant:99", "user:1"] { _ = try? await fixture.send(["SET", key, "x"], database: 1) }
        for dataset in configuration.enabledDatasets {
            let pass = DatasetPass(
                dataset: dataset, keyPrefix: "", keys: keys, fence: fence, redis: client, clock: { Uptime.now },
                cleared: cleared)
            var state = DatasetPass.State()
            for _ in 0..<2 { _ = try? await pass.tick(&state, on: connection) }
        }
        await connection.close()
        await client.close()
    }

    // MARK: What operators do

    private func operatorsDay(_ configuration: Configuration, _ fixture: InspectionFixture) async {
        let inspector = Inspector(configuration, path: "baton.yaml")
        let keys = inspector.keys
        let requester = Requester(name: "anna", reason: "")
        let quiet = RequestProgress { _ in }
        let lease = #"{"format":1,"epoch":"5","token":"t","holder":"a","since":"0","deployment":"1/x/default"}"#
        for command in [
            ["SET", keys.lease, lease, "PX", "600000"], ["HSET", keys.fence, "epoch", "5", "token", "t"],
            ["PEXPIRE", keys.fence, "600000"], ["HSET", keys.requests, "pause", "garbage"],
            ["SET", keys.marks, "text"],
            ["SET", keys.suspect, "t alive"], ["XADD", keys.events, "*", "event", "elected"],
            ["HSET", "session:h", "a", "b"], ["SADD", "session:s", "a"], ["ZADD", "session:z", "1", "a"],
            ["RPUSH", "session:l", "a"], ["SET", "session:t", "a"], ["SET", "merchant:1", "x"],
            ["HSET", "plugin_config:7:limit", "a", "b"],
        ] {
            _ = try? await fixture.send(command, database: 1)
        }
        _ = try? await inspector.status()
        _ = try? await inspector.history(limit: 10)
        _ = try? await inspector.stepDown(for: nil, requester, patience: nil, quiet)
        _ = try? await inspector.pause(for: .seconds(1), requester, patience: .zero, quiet)
        _ = try? await inspector.resume(requester, quiet)
        _ = try? await inspector.confirm(dataset: "merchants")
        _ = try? await inspector.plan()
        if let faults = try? await inspector.checkKeys() {
            for fault in faults.repairable { _ = try? await inspector.repair([fault]) }
        }
        guard let tools = try? CacheTools(configuration, server: nil, database: nil) else { return }
        let progress = CacheProgress { _, _ in }
        _ = try? await tools.test(progress: progress)
        var listing = CacheTools.ListRequest()
        listing.families = ["sessions"]
        _ = try? await tools.list(listing, progress: progress) { _ in }
        for kind in ["h", "s", "z", "l", "t"] { _ = try? await tools.get(Array("session:\(kind)".utf8)) }
        let copy = "\(fixture.files.folder)/\(configuration.group)"
        _ = try? await tools.backup(families: [], pattern: nil, rate: nil, to: copy, progress: progress)
        for replaces in [false, true] {
            guard let plan = try? await tools.plan(restoring: copy, replaces: replaces) else { continue }
            _ = await tools.restore(plan, rate: nil, requester, progress: progress)
        }
        let request = ClearRequest(.keys([Array("merchant:1".utf8), Array("session:t".utf8)]), requester: requester)
        if let plan = try? await tools.plan(request, counts: true, progress: progress) {
            _ = await tools.clear(plan, progress: progress)
        }
    }

    // MARK: PostgreSQL

    @Test("of the statements for PostgreSQL, of which a query's name columns")
    func statements() async throws {
        let datasets = """
            version: 1
            datasets:
              loud: { table: loud_merchants, identity: [id], key: "loud:{id}" }
              names:
                query: select m.id, c.name from merchants m join plugin_configs c on c.plugin_id = m.id where c.value <> ''
                identity: [id, name]
                key: "name:{id}:{name}"
              whole: { query: 'select id, to_json(u) as u from app_users u', identity: [id], key: "user:{id}" }
              counted: { query: 'select 1 as id, count(*) as n from shop.visits', identity: [id], key: "visits:{id}" }

            """
        try await InspectionFixture.with(
            datasets,
            schema: InspectionFixture.schema
                + "create schema shop; create table shop.visits (at timestamptz); insert into shop.visits values (now())"
        ) { fixture in
            // What everybody may do by default would hide what is needed.
            try await fixture.run(
                sql: """
                    do $$ begin execute format('revoke connect on database %I from public', current_database()); end $$;
                    revoke usage on schema public from public;
                    """)
            let statements = try await fixture.inspector().grants(role: "ROLE").postgres
            #expect(
                statements.map(fixture.anonymous) == [
                    "GRANT CONNECT ON DATABASE DATABASE TO \"ROLE\";", "GRANT USAGE ON SCHEMA public TO \"ROLE\";",
                    "GRANT USAGE ON SCHEMA shop TO \"ROLE\";",
                    "GRANT SELECT ON TABLE public.app_users TO \"ROLE\";",
                    "GRANT SELECT ON TABLE public.loud_merchants TO \"ROLE\";",
                    "GRANT SELECT (id) ON TABLE public.merchants TO \"ROLE\";",
                    "GRANT SELECT (name, plugin_id, value) ON TABLE public.plugin_configs TO \"ROLE\";",
                    "GRANT SELECT ON TABLE shop.visits TO \"ROLE\";",
                ])
            for missing in [nil] + statements.indices.map(Optional.some) {
                let role = "part_\(UInt64.random(in: 0 ... .max))"
                try await fixture.run(sql: "create role \(role) login")
                for (place, statement) in statements.enumerated() where place != missing {
                    try await fixture.run(sql: statement.replacing("\"ROLE\"", with: role))
                }
                let url = fixture.databaseURL.replacing("//postgres:", with: "//\(role):")
                let refusals = try await fixture.inspector(["BATON_POSTGRES_URL": url]).check().findings
                    .filter { $0.severity == .problem }
                if let missing {
                    #expect(
                        refusals.contains { "\($0)".contains("permission") || "\($0)".contains("may not") },
                        "nobody misses \(statements[missing]): \(refusals)")
                } else {
                    #expect(refusals == [])
                }
                try await fixture.run(sql: "drop owned by \(role); drop role \(role)")
            }
        }
    }
}

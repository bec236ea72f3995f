import Glibc
import Testing

@testable import LocalStack

@Suite struct LocalPgBouncerTests {
    @Test(arguments: [nil, "pass\"word'"]) func everyRoleGetsThroughWithItsOwnPassword(password: String?) async throws {
        var options = LocalPostgres.Options()
        options.password = password
        try await LocalPostgres.withServer(options) { postgres in
            try await postgres.run(sql: "create role reader login password 'read me'; create database other")
            try await LocalPgBouncer.withServer(.session, inFrontOf: postgres) { pooler async throws in
                #expect(try await psql(pooler.url(), "select inet_server_port()") == "\(postgres.port)")
                let reader = "postgresql://reader:read%20me@127.0.0.1:\(pooler.port)/other"
                #expect(try await psql(reader, "select current_user, current_database()") == "reader|other")
                guard password != nil else { return }
                await #expect(throws: LocalStackError.self) {
                    try await psql("postgresql://postgres:wrong@127.0.0.1:\(pooler.port)/postgres", "select 1")
                }
            }
        }
    }

    /// In one mode a session's settings reach the next client, in the other they end with their session.
    @Test(arguments: LocalPgBouncer.PoolMode.allCases)
    func theModeDecidesWhatIsShared(mode: LocalPgBouncer.PoolMode) async throws {
        let postgres = try await LocalPostgres.shared()
        try await LocalPgBouncer.withServer(mode, inFrontOf: postgres) { pooler async throws in
            try await psql(pooler.url(), "set work_mem = '7MB'")
            #expect(try await psql(pooler.url(), "show work_mem") == (mode == .transaction ? "7MB" : "4MB"))
        }
    }

    @Test func settingsArePassedOn() async throws {
        let postgres = try await LocalPostgres.shared()
        let url = { (pooler: LocalPgBouncer) in pooler.url() + "?options=-csearch_path%3Dpg_temp" }
        try await LocalPgBouncer.withServer(.transaction, inFrontOf: postgres) { pooler async throws in
            let error = await #expect(throws: LocalStackError.self) { try await psql(url(pooler), "select 1") }
            #expect(error?.message.contains("unsupported startup parameter") == true)
        }
        let settings = ["ignore_startup_parameters": "options"]
        try await LocalPgBouncer.withServer(.transaction, inFrontOf: postgres, settings: settings) {
            pooler async throws in
            #expect(try await psql(url(pooler), "show search_path") == #""$user", public"#)
        }
    }

    @Test func itIsGoneAfterwardsAndCanBeStartedAgain() async throws {
        let pooler = try await LocalPgBouncer.start(.transaction, inFrontOf: .shared())
        await pooler.kill()
        #expect(!pooler.isRunning)
        await #expect(throws: LocalStackError.self) { try await psql(pooler.url(), "select 1") }
        try await pooler.restart()
        #expect(try await psql(pooler.url(), "select 1") == "1")
        await pooler.close()
        #expect(!Files.exists(pooler.logPath))
        #expect(throws: LocalStackError.self) { try pooler.signal(SIGTERM) }
    }

    /// A client of the pooler is not told that there was a failover.
    @Test func aConnectionOutlivesAFailover() async throws {
        try await LocalPostgres.withServer { primary in
            let standby = try await primary.startStandby()
            try await LocalPgBouncer.withServer(.transaction, inFrontOf: primary) { pooler async throws in
                // One client, which asks on one connection until the answer is another one.
                let ask = "select inet_server_port(), pg_is_in_recovery()"
                let client = try await ChildProcess.start(
                    "/bin/sh",
                    [
                        "-c", #"while echo "$1;"; do sleep 0.02; done | "$2" -XAtqv ON_ERROR_STOP=1 "$3""#, "sh", ask,
                        Programs.postgresFolder() + "/psql", pooler.url(),
                    ])
                var answers = client.standardOutput.makeAsyncIterator()
                #expect(await answers.next() == "\(primary.port)|f")
                try await standby.promote()
                try pooler.direct(to: standby)
                var answer = await answers.next()
                while answer == "\(primary.port)|f" { answer = await answers.next() }
                #expect(answer == "\(standby.port)|f")
                await client.kill()
            }
            await standby.close()
        }
    }

    @Test func aBadSettingIsShown() async throws {
        let error = await #expect(throws: LocalStackError.self) {
            _ = try await LocalPgBouncer.start(.session, inFrontOf: .shared(), settings: ["pool_mode": "nonsense"])
        }
        #expect(error?.code == .failedToStart)
        #expect(error?.message.contains("nonsense") == true)
    }
}

import Glibc
import Testing

@testable import LocalStack

@Suite struct LocalPostgresTests {
    @Test func answersAndIsGoneAfterwards() async throws {
        let server = try await LocalPostgres.start()
        let word = LocalPassword.ofThisProcess
        #expect(try await server.run(sql: "select 1, 'x' union all select 2, null order by 1") == "1|x\n2|")
        #expect(try await server.run(sql: "show wal_level") == "logical")
        #expect(server.url() == "postgresql://postgres:\(word)@127.0.0.1:\(server.port)/postgres")
        #expect(
            server.url(database: "a b", user: "ü/") == "postgresql://%C3%BC%2F:\(word)@127.0.0.1:\(server.port)/a%20b")
        let folder = server.socketFolder
        #expect(!processes(in: folder).isEmpty)
        await server.close()
        #expect(!server.isRunning)
        #expect(processes(in: folder).isEmpty)
        #expect(!Files.exists(folder))
    }

    @Test func quotesNamesAndPasswords() async throws {
        var options = LocalPostgres.Options()
        options.password = "p'\u{301}w\\"
        try await LocalPostgres.withServer(options) { server in
            let name = "a\"\u{301}b"
            _ = try await server.createDatabase(name)
            #expect(try await server.run(sql: "select current_database()", database: name) == name)
            // The rule of SCRAM for texts leaves it as it is.
            let stored = try await server.run(
                sql: "select count(*) from pg_authid where rolname = 'postgres' and rolpassword is not null")
            #expect(stored == "1")
        }
    }

    @Test func dataSurviveACrash() async throws {
        try await LocalPostgres.withServer { server in
            try await server.run(sql: "create table t (id int); insert into t values (7); checkpoint")
            let (pid, port) = (server.pid, server.port)
            await server.kill()
            #expect(server.pid == nil)
            try await server.restart()
            #expect(server.pid != pid)
            #expect(server.port == port)
            #expect(try await server.run(sql: "select id from t") == "7")
            try await server.restart()
            #expect(try await server.run(sql: "select id from t") == "7")
        }
    }

    @Test func aStandbyFollows() async throws {
        var options = LocalPostgres.Options()
        options.password = "secret"
        try await LocalPostgres.withServer(options) { primary in
            try await primary.run(sql: "create table t (id int); insert into t values (7)")
            let standby = try await primary.startStandby()
            #expect(standby.port != primary.port)
            #expect(try await standby.run(sql: "select pg_is_in_recovery(), id from t") == "t|7")
            try await primary.run(sql: "update t set id = 8")
            try await primary.wait(for: standby)
            #expect(try await standby.run(sql: "select id from t") == "8")
            let folder = standby.socketFolder
            await standby.close()
            #expect(!Files.exists(folder))
        }
    }

    @Test func aStandbyIsPromoted() async throws {
        try await LocalPostgres.withServer { primary in
            try await primary.run(sql: "create table t (id int)")
            let standby = try await primary.startStandby()
            try await primary.wait(for: standby)
            try await standby.promote()
            try await standby.run(sql: "insert into t values (1)")
            #expect(try await primary.run(sql: "select count(*) from t") == "0")
            await #expect(throws: LocalStackError.self) { try await standby.promote() }
            await standby.close()
        }
    }

    @Test func programsFromElsewhere() async throws {
        var options = LocalPostgres.Options()
        let folder = try await Workspace.create()
        for name in ["initdb", "postgres", "psql"] {
            let target = try Programs.postgresFolder() + "/" + name
            #expect(symlink(target, "\(folder.path)/\(name)") == 0)
        }
        options.programs = folder.path
        try await LocalPostgres.withServer(options) { server async throws in
            #expect(try await server.run(sql: "select 1") == "1")
        }
        await folder.close()
        let error = await #expect(throws: LocalStackError.self) { try await LocalPostgres.start(options) }
        #expect(error?.message.contains("\(folder.path)/postgres") == true)
    }

    @Test func aHangingServerCanBeWokenAndClosed() async throws {
        let server = try await LocalPostgres.start()
        try server.signalAll(SIGSTOP)
        try server.signalAll(SIGCONT)
        #expect(try await server.run(sql: "select 1") == "1")
        try server.signalAll(SIGSTOP)
        let folder = server.socketFolder
        await server.close()
        #expect(processes(in: folder).isEmpty)
        #expect(throws: LocalStackError.self) { try server.signalAll(SIGCONT) }
    }

    @Test func encodingsAndConfiguration() async throws {
        var options = LocalPostgres.Options()
        options.encoding = "SQL_ASCII"
        options.configuration = ["work_mem = '7MB'", "wal_level = replica"]
        try await LocalPostgres.withServer(options) { server async throws in
            #expect(
                try await server.run(sql: "show server_encoding; show work_mem; show wal_level") == """
                    SQL_ASCII
                    7MB
                    replica
                    """)
            _ = try await server.createDatabase("latin", encoding: "LATIN1")
            #expect(try await server.run(sql: "show server_encoding", database: "latin") == "LATIN1")
        }
    }

    @Test func databasesWithAnyName() async throws {
        let server = try await LocalPostgres.shared()
        let first = try await server.createDatabase()
        let second = try await server.createDatabase()
        #expect(first != second)
        let url = try await server.createDatabase("it's \"quoted\"")
        #expect(url.hasSuffix("/it%27s%20%22quoted%22"))
        #expect(
            try await server.run(sql: "select current_database()", database: "it's \"quoted\"") == "it's \"quoted\"")
    }

    @Test func aFailingStatementIsReported() async throws {
        let server = try await LocalPostgres.shared()
        let error = await #expect(throws: LocalStackError.self) { try await server.run(sql: "select 1; select nope") }
        #expect(error?.code == .commandFailed)
        #expect(error?.message.contains("column \"nope\" does not exist") == true)
    }

    @Test func passwordsAndEncryption() async throws {
        var options = LocalPostgres.Options()
        options.password = "o'hara:/@"
        options.tls = true
        try await LocalPostgres.withServer(options) { server async throws in
            let ca = try #require(server.certificates).ca
            #expect(try await psql("\(server.url())?sslmode=verify-full&sslrootcert=\(ca)", ssl) == "t")
            #expect(try await psql("\(server.url())?sslmode=disable", ssl) == "f")
            let other = "postgresql://postgres:wrong@127.0.0.1:\(server.port)/postgres"
            let error = await #expect(throws: LocalStackError.self) { _ = try await psql(other, ssl) }
            #expect(error?.message.contains("password authentication failed") == true)
        }
    }

    private let ssl = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"

    // MARK: What cannot start says why

    @Test func aMissingProgramIsNamedWithItsRemedy() {
        let error = #expect(throws: LocalStackError.self) {
            _ = try Programs.postgresFolder(root: "/nonexistent", path: "/nonexistent")
        }
        #expect(error?.code == .missingProgram)
        #expect(error?.message.contains("postgresql") == true)
    }

    @Test func aBadConfigurationIsShown() async throws {
        var options = LocalPostgres.Options()
        options.configuration = ["no_such_setting = 1"]
        let error = await #expect(throws: LocalStackError.self) { _ = try await LocalPostgres.start(options) }
        #expect(error?.code == .failedToStart)
        #expect(error?.message.contains("no_such_setting") == true)
    }

    @Test func aPortInUseIsRefusedWhenItWasAskedFor() async throws {
        var options = LocalPostgres.Options()
        options.port = try await LocalPostgres.shared().port
        let error = await #expect(throws: LocalStackError.self) {
            _ = try await LocalPostgres.start(options)
        }
        #expect(error?.message.contains("in use") == true)
    }
}

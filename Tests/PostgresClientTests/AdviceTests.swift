import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    /// What the errors of statements advise.
    @Suite struct AdviceTests {
        @Test(arguments: [
            "insert into advised values (1)", "select 1 from advised for update", "select nextval('advised_a_seq')",
            "select * from (with x as (insert into advised values (1) returning a) select * from x) y",
        ])
        func whatWritesIsToBeTakenOut(_ statement: String) async throws {
            let connection = try await connect()
            try await connection.execute("begin; create table if not exists advised (a serial); commit")
            try await connection.execute("set default_transaction_read_only = on")
            let error = try await failure { () throws(PostgresError) in try await connection.query(statement) }
            #expect(error.message.contains("may only read"), "\(error)")
            await connection.close()
        }

        @Test func policiesAreNotToBeGranted() async throws {
            let connection = try await connect()
            try await connection.execute(
                """
                create role restrained_reader login password '\(LocalPassword.ofThisProcess)';
                create table hidden (a int); alter table hidden enable row level security;
                grant select on hidden to restrained_reader
                """)
            let url = try await LocalPostgres.shared().url(user: "restrained_reader")
            let reader = try await PostgresConnection.connect(
                PostgresConfiguration(url: url, settings: [("row_security", "off")]))
            let error = try await failure { () throws(PostgresError) in
                try await reader.query("select * from hidden")
            }
            await reader.close()
            #expect(error.message.contains("policy") && !error.message.contains("GRANT it"), "\(error)")
            try await connection.execute("drop table hidden; drop role restrained_reader")
            await connection.close()
        }

        @Test func silenceNamesTheSetting() async throws {
            let connection = try await connect(responseTimeout: .milliseconds(300))
            let error = try await failure { () throws(PostgresError) in
                try await connection.query("select pg_sleep(20)")
            }
            #expect(
                error.message.contains("`postgres.statementTimeout`") && error.message.contains("8 KiB"), "\(error)")
            await connection.close()
        }
    }
}

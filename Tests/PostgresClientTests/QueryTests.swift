import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    @Suite struct QueryTests {
        @Test func parametersAndNulls() async throws {
            let connection = try await connect()
            let texts = ["", "it's \"quoted\" \\ and $1", "zażółć 🦆 \u{10FFFF}", "a\nb\tc"]
            for text in texts {
                let rows = try await connection.query(
                    "select $1::text as a, $2::int + 1 as b, $3::text", [text, "41", nil])
                let row = try #require(rows.first)
                #expect(row[0] == text && row["a"] == text)
                #expect(row["b"] == "42")
                #expect(row[2] == nil && row.bytes(at: 2) == nil)
                #expect(row.columns.map(\.name) == ["a", "b", "text"])
                #expect(row["nowhere"] == nil)
                #expect(!"\(row)".contains("42"))
            }
            await connection.close()
        }

        @Test func manyRows() async throws {
            let connection = try await connect()
            let rows = try await connection.query("select i, nullif(i % 3, 0) from generate_series(1, 10000) i")
            #expect(rows.count == 10_000)
            #expect(rows.enumerated().allSatisfy { $1[0] == "\($0 + 1)" })
            #expect(rows.enumerated().allSatisfy { $1[1] == (($0 + 1) % 3 == 0 ? nil : "\(($0 + 1) % 3)") })
            #expect(try await connection.query("select 1 where false").isEmpty)
            #expect(try await connection.query("create temp table t (a int)").isEmpty)
            #expect(try await connection.query("").isEmpty)
            #expect(try await connection.query("select").first?.count == 0)
            await connection.close()
        }

        @Test func errorsLeaveTheConnectionUsable() async throws {
            let connection = try await connect()
            let cases: [(String, String)] = [
                ("select 1/0", "22012"), ("select * from nowhere", "42P01"), ("selec", "42601"),
                ("select $1::int", "22P02"), ("select 1; select 2", "42601"),
            ]
            for (sql, state) in cases {
                let error = try await failure { () throws(PostgresError) in
                    try await connection.query(sql, sql.contains("$1") ? ["x"] : [])
                }
                #expect(error.code == .server(sqlState: state))
                #expect(error.sqlState == state)
                #expect(connection.isUsable)
            }
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func errorsSayWhatToDoAndKeepValuesApart() async throws {
            let connection = try await connect()
            try await connection.execute("create temp table accounts (email text primary key)")
            _ = try await connection.query("insert into accounts values ($1)", ["ann@example.org"])
            let duplicate = try await failure { () throws(PostgresError) in
                try await connection.query("insert into accounts values ($1)", ["ann@example.org"])
            }
            #expect(duplicate.code == .server(sqlState: "23505"))
            #expect(!duplicate.description.contains("ann@example.org"))
            #expect(duplicate.detail?.contains("ann@example.org") == true)
            let missing = try await failure { () throws(PostgresError) in
                try await connection.query("select * from acounts")
            }
            #expect(missing.message.contains("acounts") && missing.message.contains("search_path"))
            let hinted = try await failure { () throws(PostgresError) in
                try await connection.query("select emial from accounts")
            }
            #expect(hinted.hint?.contains("email") == true)
            await connection.close()
        }

        @Test func wrongCallsAreRefusedBeforeTheyAreSent() async throws {
            let connection = try await connect()
            for (sql, parameters) in [("select '\0'", []), ("select $1", ["a\0b"])] as [(String, [String?])] {
                let error = try await failure { () throws(PostgresError) in try await connection.query(sql, parameters)
                }
                #expect(error.code == .usage)
            }
            let tooMany = [String?](repeating: nil, count: 70_000)
            let error = try await failure { () throws(PostgresError) in try await connection.query("select 1", tooMany)
            }
            #expect(error.code == .usage)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func aCallDuringAnotherIsRefused() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await connect()
            let holder = try await connect()
            _ = try await holder.query("select pg_advisory_lock(4711)")
            async let first = connection.query("select pg_advisory_lock(4711), 'the first call'")
            try await server.waitForStatement("the first call")
            let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
            #expect(error.code == .usage)
            _ = try await holder.query("select pg_advisory_unlock(4711)")
            #expect(try await first.count == 1)
            #expect(try await connection.query("select 1").count == 1)
            await connection.close()
            await holder.close()
        }

        @Test func aLargeStatementAndALargeParameter() async throws {
            let connection = try await connect()
            let large = String(repeating: "x", count: 16 << 20)
            #expect(try await connection.query("select length($1)", [large]).first?[0] == "\(16 << 20)")
            #expect(try await connection.query("select length('\(large)')").first?[0] == "\(16 << 20)")
            await connection.close()
        }

        // MARK: execute

        @Test func severalStatements() async throws {
            let connection = try await connect()
            try await connection.execute("create temp table t (a int); insert into t values (1), (2); select * from t")
            #expect(try await connection.query("select count(*) from t").first?[0] == "2")
            let error = try await failure { () throws(PostgresError) in
                try await connection.execute("insert into t values (3); select 1/0; insert into t values (4)")
            }
            #expect(error.sqlState == "22012")
            #expect(try await connection.query("select count(*) from t").first?[0] == "2")
            try await connection.execute("")
            await connection.close()
        }

        @Test func noticesAreNotPrinted() async throws {
            let connection = try await connect()
            // Would otherwise appear on the standard error of the tests.
            try await connection.execute("do $$ begin raise notice 'you must not see this'; end $$")
            try await connection.execute("drop table if exists you_must_not_see_this")
            #expect(connection.isUsable)
            await connection.close()
        }

        @Test func copyWhereItCannotRun() async throws {
            for sql in ["copy (select 1) to stdout", "create temp table t (a int); copy t from stdin"] {
                let connection = try await connect()
                let error = try await failure { () throws(PostgresError) in try await connection.execute(sql) }
                #expect(error.code == .usage)
                #expect(!connection.isUsable)
            }
        }

        // MARK: describe

        @Test func describe() async throws {
            let connection = try await connect()
            try await connection.execute("create table described (id bigint, price numeric(10, 2), name varchar(20))")
            let columns = try await connection.describe(
                "select name, id, price, 1 + id as next from described where id = $1")
            #expect(columns.map(\.name) == ["name", "id", "price", "next"])
            #expect(columns.map(\.typeOID) == [1043, 20, 1700, 20])
            #expect(columns.map(\.typeModifier) == [24, -1, (10 << 16 | 2) + 4, -1])
            #expect(columns.map(\.columnNumber) == [3, 1, 2, 0])
            let table = try await connection.query("select 'described'::regclass::oid").first?[0]
            #expect("\(columns[0].tableOID)" == table)
            #expect(columns[3].tableOID == 0)
            #expect(try await connection.describe("create table never (a int)").isEmpty)
            #expect(try await connection.query("select to_regclass('never')").first?[0] == nil)
            await connection.close()
        }

        @Test func describeErrors() async throws {
            let connection = try await connect()
            let error = try await failure { () throws(PostgresError) in
                try await connection.describe("select * from nirgends")
            }
            #expect(error.sqlState == "42P01")
            #expect(connection.isUsable)
            #expect(try await connection.describe("select 1 as one").map(\.name) == ["one"])
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        // MARK: rows

        @Test func rowsComeInChunks() async throws {
            let connection = try await connect()
            let stream = try await connection.rows(
                "select i, repeat('x', 100) from generate_series(1, $1::int) i", ["20000"], chunkBytes: 32 << 10)
            var next = 1
            var chunks = 0
            while let rows = try await stream.next() {
                #expect(!rows.isEmpty && rows.count < 1_000)
                for row in rows {
                    if row[0] != "\(next)" { Issue.record("row \(next) is \(row[0] ?? "NULL")") }
                    next += 1
                }
                chunks += 1
            }
            #expect(next == 20_001)
            #expect(chunks > 50)
            #expect(try await stream.next() == nil)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func rowsWithoutRowsAndWithErrors() async throws {
            let connection = try await connect()
            #expect(try await connection.rows("select 1 where false").next() == nil)
            #expect(try await connection.rows("create temp table t (a int)").next() == nil)
            let early = try await failure { () throws(PostgresError) in
                try await connection.rows("select * from nowhere")
            }
            #expect(early.sqlState == "42P01")
            let stream = try await connection.rows("select 100 / (5000 - i) from generate_series(1, 6000) i")
            var count = 0
            let late = try await failure { () throws(PostgresError) in
                while let rows = try await stream.next() { count += rows.count }
            }
            #expect(late.sqlState == "22012")
            #expect(count == 4_999)
            #expect(try await stream.next() == nil)
            #expect(connection.isUsable)
            for try await rows in try await connection.rows("values (1), (2)") { #expect(rows.count <= 2) }
            await connection.close()
        }

        @Test func statementTimeout() async throws {
            let connection = try await connect(statementTimeout: .seconds(1))
            let error = try await failure { () throws(PostgresError) in
                try await connection.query("select pg_sleep(30)")
            }
            #expect(error.code == .server(sqlState: "57014"))
            #expect(error.message.contains("Raise `postgres.statementTimeout`"))
            #expect(connection.isUsable)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func remediesForLocksAndStates() async throws {
            let server = try await LocalPostgres.shared()
            try await server.run(
                sql: "create table locked (i int); create materialized view unfilled as select 1 as i with no data")
            let holder = try await connect()
            let connection = try await connect(statementTimeout: .milliseconds(300))
            try await holder.execute("begin; lock table locked in access exclusive mode")
            let late = try await failure { () throws(PostgresError) in
                try await connection.query("select * from locked")
            }
            #expect(late.message.contains("pg_locks"))
            let state = try await failure { () throws(PostgresError) in
                try await connection.query("select * from unfilled")
            }
            #expect(state.sqlState == "55000" && state.message.contains("REFRESH MATERIALIZED VIEW"))
            await holder.close()
            await connection.close()
        }

        // MARK: Transactions

        @Test func aReadOnlyTransactionRefusesWrites() async throws {
            let connection = try await connect(isReadOnly: true)
            try await connection.execute("create table fixed (a int)")
            do {
                try await connection.transaction { connection in
                    try await connection.execute("insert into fixed values (1)")
                }
                Issue.record("the write was accepted")
            } catch let error as PostgresError {
                #expect(error.code == .server(sqlState: "25006"))
            }
            let alone = try await failure { () throws(PostgresError) in
                try await connection.query("insert into fixed values (1)")
            }
            #expect(alone.code == .server(sqlState: "25006"))
            #expect(try await connection.query("select count(*) from fixed").first?[0] == "0")
            try await connection.execute("insert into fixed values (1)")
            await connection.close()
        }

        @Test func aTransactionHasOneSnapshot() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await connect()
            try await connection.execute("create table counted (a int)")
            let counts = try await connection.transaction { connection in
                let before = try await connection.query("select count(*) from counted").first?[0]
                try await server.run(sql: "insert into counted values (1)")
                return [before, try await connection.query("select count(*) from counted").first?[0]]
            }
            #expect(counts == ["0", "0"])
            #expect(try await connection.query("select count(*) from counted").first?[0] == "1")
            await connection.close()
        }

        @Test func aThrowingBodyRollsBack() async throws {
            struct Surprise: Error {}
            let connection = try await connect()
            await #expect(throws: Surprise.self) {
                try await connection.transaction(isolation: .readCommitted) { connection in
                    _ = try await connection.query("select 1")
                    throw Surprise()
                }
            }
            #expect(connection.isUsable)
            // Outside a transaction every statement has a time of its own.
            let times = try await [
                connection.query("select now()").first?[0], connection.query("select now()").first?[0],
            ]
            #expect(times[0] != times[1])
            await #expect(throws: Surprise.self) {
                try await connection.transaction { connection in
                    _ = try await connection.copy("copy (select generate_series(1, 1000000)) to stdout")
                    throw Surprise()
                }
            }
            #expect(!connection.isUsable)
        }
    }
}

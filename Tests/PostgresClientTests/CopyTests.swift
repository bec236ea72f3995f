import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    @Suite struct CopyTests {
        @Test func aMillionRowsInBoundedMemory() async throws {
            let connection = try await connect()
            let before = Usage.residentBytes
            var peak = before
            // Each row is its number and 32 characters: 39 MB altogether.
            let stream = try await connection.copy(
                "copy (select i, repeat('x', 32) from generate_series(1, 1000000) i) to stdout")
            var next = 1
            var wrong = 0
            while let chunk = try await stream.next() {
                #expect(chunk.count < 300 << 10)
                wrong += Self.check(chunk, next: &next)
                peak = max(peak, Usage.residentBytes)
            }
            #expect(next == 1_000_001)
            #expect(wrong == 0)
            #expect(peak - before < 12 << 20)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        /// Checks lines of `number TAB 32 × "x" LF`, and returns how many differ.
        private static func check(_ chunk: [UInt8], next: inout Int) -> Int {
            chunk.withUnsafeBufferPointer { bytes in
                var wrong = 0
                var position = 0
                while position < bytes.count {
                    var number = 0
                    while position < bytes.count, bytes[position] != 9 {
                        number = number * 10 + Int(bytes[position]) - 48
                        position += 1
                    }
                    var marks = 0
                    position += 1
                    while position < bytes.count, bytes[position] == UInt8(ascii: "x") {
                        position += 1
                        marks += 1
                    }
                    let isWhole = position < bytes.count && bytes[position] == 10
                    if number != next || marks != 32 || !isWhole { wrong += 1 }
                    position += 1
                    next += 1
                }
                return wrong
            }
        }

        @Test(arguments: [1, 100, 1 << 20]) func chunksHoldWholeRows(chunkBytes: Int) async throws {
            let connection = try await connect()
            let stream = try await connection.copy(
                "copy (select repeat('y', i % 50) from generate_series(1, 2000) i) to stdout", chunkBytes: chunkBytes)
            var text: [UInt8] = []
            for try await chunk in stream {
                #expect(chunk.last == 10)
                #expect(chunk.count < chunkBytes + 51)
                text += chunk
            }
            #expect(text == (1...2000).flatMap { [UInt8](repeating: 121, count: $0 % 50) + [10] })
            await connection.close()
        }

        @Test func specialCharactersAreEscaped() async throws {
            let connection = try await connect()
            let stream = try await connection.copy(
                #"copy (values (e'a\nb\tc\\d', null), ('', e'\rż'), (e'\\N', '\.')) to stdout"#)
            var text: [UInt8] = []
            while let chunk = try await stream.next() { text += chunk }
            #expect(
                String(decoding: text, as: UTF8.self)
                    == #"a\nb\tc\\d"# + "\t" + #"\N"# + "\n\t" + #"\rż"# + "\n" + #"\\N"# + "\t" + #"\\."# + "\n")
            await connection.close()
        }

        @Test func aHugeValueInOneRow() async throws {
            let connection = try await connect()
            let stream = try await connection.copy(
                "copy (select repeat('z', case i when 2 then 64 << 20 else 1 end) from generate_series(1, 3) i) to stdout"
            )
            var lengths: [Int] = []
            var length = 0
            while let chunk = try await stream.next() {
                chunk.withUnsafeBufferPointer { bytes in
                    for byte in bytes {
                        if byte == 10 {
                            lengths.append(length)
                            length = 0
                        } else {
                            length += 1
                        }
                    }
                }
            }
            #expect(lengths == [1, 64 << 20, 1])
            await connection.close()
        }

        @Test func emptyCopies() async throws {
            let connection = try await connect()
            #expect(try await connection.copy("copy (select 1 where false) to stdout").next() == nil)
            let stream = try await connection.copy("copy (select) to stdout")
            #expect(try await stream.next() == [10])
            #expect(try await stream.next() == nil)
            await connection.close()
        }

        @Test func anErrorHalfWayComesAfterTheRows() async throws {
            let connection = try await connect()
            let stream = try await connection.copy(
                "copy (select 1000000 / (5000 - i) from generate_series(1, 10000) i) to stdout", chunkBytes: 4 << 10)
            var rows = 0
            let error = try await failure { () throws(PostgresError) in
                while let chunk = try await stream.next() { rows += chunk.count { $0 == 10 } }
            }
            #expect(error.code == .server(sqlState: "22012"))
            #expect(rows == 4_999)
            #expect(try await stream.next() == nil)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func errorsAtTheStart() async throws {
            let connection = try await connect()
            let cases: [(String, PostgresError.Code)] = [
                ("copy nowhere to stdout", .server(sqlState: "42P01")),
                ("copy (selec) to stdout", .server(sqlState: "42601")),
                ("copy (select 1/0) to stdout", .server(sqlState: "22012")), ("select 1", .usage),
                ("copy (select 1) to stdout; select 1", .server(sqlState: "42601")),
            ]
            for (sql, code) in cases {
                let error = try await failure { () throws(PostgresError) in
                    let stream = try await connection.copy(sql)
                    while try await stream.next() != nil {}
                }
                #expect(error.code == code)
                #expect(connection.isUsable)
            }
            let error = try await failure { () throws(PostgresError) in
                try await connection.copy("copy (select 1) to stdout", chunkBytes: 0)
            }
            #expect(error.code == .usage)
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func aSlowServerGivesWhatThereIs() async throws {
            let connection = try await connect()
            let holder = try await connect()
            _ = try await holder.query("select pg_advisory_lock(4712)")
            // 16 KB leave the server's buffer at once; the rest waits for the lock.
            let stream = try await connection.copy(
                """
                copy (
                    select repeat('x', 1000), case i when 20 then pg_advisory_lock(4712)::text end
                    from generate_series(1, 21) i
                ) to stdout
                """)
            let first = try #require(try await stream.next())
            #expect(first.count < 20_000)
            _ = try await holder.query("select pg_advisory_unlock(4712)")
            while try await stream.next() != nil {}
            await connection.close()
            await holder.close()
        }

        @Test func aStreamHoldsItsConnection() async throws {
            let connection = try await connect()
            let stream = try await connection.copy("copy (select generate_series(1, 100000)) to stdout")
            let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
            #expect(error.code == .usage)
            #expect(try await stream.next() != nil)
            while try await stream.next() != nil {}
            #expect(try await connection.query("select 1").first?[0] == "1")
            await connection.close()
        }

        @Test func aStreamLeftEarlyClosesItsConnection() async throws {
            let server = try await LocalPostgres.shared()
            let connection = try await connect()
            for try await _ in try await connection.copy(
                "copy (select generate_series(1, 100000000), 'left early') to stdout")
            {
                break
            }
            #expect(!connection.isUsable)
            let error = try await failure { () throws(PostgresError) in try await connection.query("select 1") }
            #expect(error.code == .closed)
            #expect(error.message.contains("stream"))
            try await server.waitForStatement("left early", running: false)
        }
    }
}

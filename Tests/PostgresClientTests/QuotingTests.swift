import LocalStack
import PostgresClient
import Testing

extension ServerTests {
    /// What is quoted is read back by PostgreSQL as it was.
    @Suite struct QuotingTests {
        /// Texts of any scalars, and more often of those that matter.
        private static func text(_ random: inout some RandomNumberGenerator, length: Int) -> String {
            let harmful = Array("\"'\\{},() \t\n$Ee;-\u{301}\u{308}\u{20DD}\u{200D}\u{FE0F}\u{E9}".unicodeScalars)
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...length, using: &random) {
                if Bool.random(using: &random) {
                    text.append(harmful.randomElement(using: &random)!)  // it is not empty
                } else if let scalar = Unicode.Scalar(UInt32.random(in: 1...0x10FFFF, using: &random)) {
                    text.append(scalar)
                }
            }
            return text.isEmpty ? "x" : String(text)
        }

        private static func expectEqual(_ found: String?, _ wanted: String) {
            #expect(found.map { Array($0.unicodeScalars) } == Array(wanted.unicodeScalars))
        }

        @Test func arrays() async throws {
            let connection = try await connect()
            var random = SystemRandomNumberGenerator()
            for _ in 0..<20 {
                let elements = (0..<200).map { _ in Self.text(&random, length: 12) } + ["", "null", "NULL"]
                let rows = try await connection.query(
                    "select element from unnest($1::text[]) element", [arrayLiteral(elements)])
                #expect(rows.count == elements.count)
                for (row, element) in zip(rows, elements) { Self.expectEqual(row[0], element) }
            }
            #expect(try await connection.query("select cardinality($1::text[])", [arrayLiteral([])]).first?[0] == "0")
            await connection.close()
        }

        @Test func names() async throws {
            let connection = try await connect()
            var random = SystemRandomNumberGenerator()
            for _ in 0..<300 {
                // PostgreSQL cuts names at 63 bytes.
                let name = Self.text(&random, length: 15)
                let columns = try await connection.describe("select 1 as \(quotedName(name)), 2 as other")
                #expect(columns.count == 2)
                Self.expectEqual(columns.first?.name, name)
            }
            await connection.close()
        }

        @Test(arguments: ["on", "off"]) func texts(standardStrings: String) async throws {
            let connection = try await connect(settings: [("standard_conforming_strings", standardStrings)])
            var random = SystemRandomNumberGenerator()
            for _ in 0..<300 {
                let text = Self.text(&random, length: 30)
                try await connection.begin()
                Self.expectEqual(try await connection.query("select \(quotedText(text))").first?[0], text)
                try await connection.commit()
            }
            await connection.close()
        }
    }
}

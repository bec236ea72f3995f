import Testing

@testable import CacheRefresh

@Suite("Row encoder")
struct RowEncoderTests {
    @Test(
        "shows each kind as to_json does",
        arguments: [
            (ColumnKind.integer, "42", "42"), (.integer, "-9223372036854775808", "-9223372036854775808"),
            (.number, "1.50", "1.50"), (.number, "1e+20", "1e+20"), (.number, "-0", "-0"),
            (.number, "NaN", "\"NaN\""), (.number, "Infinity", "\"Infinity\""), (.number, "-Infinity", "\"-Infinity\""),
            (.boolean, "t", "true"), (.boolean, "f", "false"),
            (.uuid, "2f1c8a3e-0000-4000-8000-123456789abc", "\"2f1c8a3e-0000-4000-8000-123456789abc\""),
            (.timestamp, "2024-02-29 12:00:00", "\"2024-02-29T12:00:00\""),
            (.timestamp, "2024-02-29 12:00:00.123456", "\"2024-02-29T12:00:00.123456\""),
            (.timestamp, "infinity", "\"infinity\""), (.timestamp, "-infinity", "\"-infinity\""),
            (.timestamp, "0044-03-15 12:00:00 BC", "\"0044-03-15T12:00:00 BC\""),
            (.timestamp, "294276-12-31 23:59:59", "\"294276-12-31T23:59:59\""),
            (.timestampWithZone, "2024-02-29 12:00:00+00", "\"2024-02-29T12:00:00+00:00\""),
            (.timestampWithZone, "2024-02-29 12:00:00.5+00", "\"2024-02-29T12:00:00.5+00:00\""),
            (.timestampWithZone, "0044-03-15 12:00:00+00 BC", "\"0044-03-15T12:00:00+00:00 BC\""),
            (.timestampWithZone, "infinity", "\"infinity\""),
            (.text, "", "\"\""), (.text, "plain", "\"plain\""), (.text, "say \"hi\"", "\"say \\\"hi\\\"\""),
            (.text, "a\\tb\\nc\\rd\\be\\ff", "\"a\\tb\\nc\\rd\\be\\ff\""), (.text, "a\\vb", "\"a\\u000bb\""),
            (.text, "\\v", "\"\\u000b\""), (.text, "\\\\v", "\"\\\\v\""), (.text, "\\\\\\v", "\"\\\\\\u000b\""),
            (.text, "\u{1}x\u{1F}", "\"\\u0001x\\u001f\""), (.text, "\u{7F}/é🎉", "\"\u{7F}/é🎉\""),
            (.text, "\\\\N", "\"\\\\N\""),
            (.json, "{\"a\": \"x\\\\ny\"}", "{\"a\": \"x\\ny\"}"), (.json, "null", "null"),
        ])
    func kinds(kind: ColumnKind, field: String, json: String) {
        #expect(object([("c", kind)], field) == "{\"c\":\(json)}")
    }

    @Test(
        "shows NULL of each kind",
        arguments: [
            ColumnKind.integer, .number, .boolean, .text, .uuid, .timestamp, .timestampWithZone, .json,
        ])
    func null(kind: ColumnKind) {
        #expect(object([("c", kind)], "\\N") == "{\"c\":null}")
    }

    @Test("quotes the names of columns, and keeps people's order")
    func names() {
        let columns: [(String, ColumnKind)] = [("id", .integer), ("odd \"name\"\\\n", .text)]
        #expect(object(columns, "1\tx", order: [1, 0]) == "{\"odd \\\"name\\\"\\\\\\u000a\":\"x\",\"id\":1}")
    }

    @Test("gives hashes plain text, and no field for NULL")
    func hash() {
        let columns: [(String, ColumnKind)] = [
            ("id", .integer), ("name", .text), ("gone", .text), ("on", .boolean), ("at", .timestampWithZone),
            ("extra", .json),
        ]
        let line = Array("1\ta\\t\"b\"\t\\N\tt\t2024-01-01 00:00:00+00\t{\"x\": 1}".utf8)
        var members = ArgumentBuffer()
        line.withUnsafeBytes { line in
            var fields: [Range<Int>] = []
            CopyText.split(line, into: &fields)
            let encoder = encoder(columns)
            encoder.appendMembers(line, fields, to: &members)
            #expect(encoder.memberCount(line, fields) * 2 == members.count)
        }
        let expected = [
            "id", "1", "name", "a\t\"b\"", "on", "true", "at", "2024-01-01T00:00:00+00:00", "extra", "{\"x\": 1}",
        ]
        #expect(members.texts == expected)
    }

    private func encoder(_ columns: [(String, ColumnKind)], order: [Int]? = nil) -> RowEncoder {
        RowEncoder(
            columns: columns.map { Column(name: $0.0, kind: $0.1) }, order: order ?? Array(columns.indices))
    }

    private func object(_ columns: [(String, ColumnKind)], _ line: String, order: [Int]? = nil) -> String {
        var output: [UInt8] = []
        Array(line.utf8).withUnsafeBytes { line in
            var fields: [Range<Int>] = []
            CopyText.split(line, into: &fields)
            encoder(columns, order: order).appendObject(line, fields, to: &output)
        }
        return String(decoding: output, as: UTF8.self)
    }
}

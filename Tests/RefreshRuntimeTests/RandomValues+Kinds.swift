import TestSupport

/// A column of each built-in type, and of types made from them.
extension RandomValues {
    static let kinds: [Kind] = text + numbers + moments + lists + others

    private static let text: [Kind] = [
        Kind("text", ["", " ", "\\N", "\u{2028}"]) { text(&$0) },
        Kind("varchar(40)") { String(text(&$0).unicodeScalars.prefix(40)) },
        Kind("char(30)", ["", " a "]) { String(text(&$0).unicodeScalars.prefix(30)) },
        Kind("name") { word(&$0) },
        Kind("\"char\"", oneOf: ["a", "", "\\", "\"", "\t", "~"]),
        Kind("bytea", ["", "\\x00", "\\x5c78"]) { "\\x\(digits(2 * Int.random(in: 0...20, using: &$0), &$0))" },
        Kind("xml", oneOf: ["<a/>", "<a b=\"ü &amp; 'x'\">\n\t<![CDATA[\\]]></a>", "text &lt; \\n", ""]),
        Kind("json") { json(&$0) },
        Kind("jsonb") { json(&$0) },
        Kind("mood", oneOf: ["sad", "o'k", "sehr \"glücklich\"\\"]),
        Kind("tsvector", oneOf: ["", "'a':1 'b\\\\c':2A,3 '\"q\"' 'it''s'", "fat:2,4 cat"]),
        Kind("tsquery", oneOf: ["'a' & !'b'", "'it''s' <-> 'x':*AB", "fat | (rat & cat)"]),
    ]

    private static let numbers: [Kind] = [
        Kind("boolean", oneOf: ["true", "false"]),
        Kind("smallint", ["-32768", "32767", "0"]) { number(-32768...32767, &$0) },
        Kind("int", ["-2147483648", "2147483647", "0"]) { number(-1_000_000...1_000_000, &$0) },
        Kind("bigint", ["-9223372036854775808", "9223372036854775807", "9007199254740993"]) {
            number(.min ... .max, &$0)
        },
        Kind(
            "numeric",
            [
                "NaN", "Infinity", "-Infinity", "0", "0.000", "-0.0", "1e131071", "-1e-16383",
                String(repeating: "9", count: 1000) + "." + String(repeating: "9", count: 1000),
            ]
        ) { numeric(&$0) },
        Kind("numeric(10,3)", ["NaN", "-9999999.999", "0"]) {
            "\(number(-9_999_999...9_999_999, &$0)).\(digits(3, &$0))"
        },
        Kind("numeric(5,-2)", ["1234567"]) { number(-1_000_000...1_000_000, &$0) },
        Kind("real", ["NaN", "Infinity", "-Infinity", "-0", "1e-45", "3.4028235e38", "1.17549435e-38", "0.1"]) {
            float(&$0)
        },
        Kind(
            "float8",
            [
                "NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308", "2.2250738585072014e-308",
                "0.1", "1e15", "1e16",
                "100000000000000000000", "1e-5", "123456789.123456789",
            ]
        ) { double(&$0) },
        Kind("money", ["-92233720368547758.08", "92233720368547758.07", "0"]) {
            "\(number(-10_000_000...10_000_000, &$0)).\(digits(2, &$0))"
        },
        Kind("oid", ["0", "4294967295"]) { number(0...1_000_000, &$0) },
        Kind("pg_lsn", ["0/0", "FFFFFFFF/FFFFFFFF"]) { "\(digits(3, &$0))/\(digits(6, &$0))" },
        Kind("xid8") { number(0 ... .max, &$0) },
        Kind("xid") { number(0...4_294_967_295, &$0) },
        Kind("cid") { number(0...4_294_967_295, &$0) },
        Kind("tid") { "(\(number(0...99, &$0)),\(number(1...9, &$0)))" },
        Kind("age") { number(0...150, &$0) },
        Kind("regclass", oneOf: ["pg_class", "0", "4294967295"]),
        Kind("regtype", oneOf: ["integer", "text[]", "\"char\""]),
    ]

    private static let moments: [Kind] = [
        Kind("date", ["infinity", "-infinity", "epoch", "4713-01-01 BC", "5874897-12-31"]) {
            let (day, era) = day(&$0, lastYear: 5_000_000)
            return day + era
        },
        Kind("time", ["00:00", "24:00:00", "23:59:59.999999"]) { time(&$0) },
        Kind("time(2)") { time(&$0) },
        Kind("timetz", ["00:00+15:59:59", "24:00:00-15:59:59"]) { time(&$0) + zone(&$0) },
        Kind("timestamp", ["infinity", "-infinity", "4713-01-01 00:00 BC", "294276-12-31 23:59:59.999999", "epoch"]) {
            timestamp(&$0, zoned: false)
        },
        Kind(
            "timestamptz",
            [
                "infinity", "-infinity", "4713-01-01 00:00+00 BC", "294276-12-31 23:59:59.999999+00",
                "0001-01-01 00:00+14", "epoch",
            ]
        ) { timestamp(&$0, zoned: true) },
        Kind("timestamptz(3)") { timestamp(&$0, zoned: true) },
        Kind("interval", ["0", "-178000000 years", "178000000 years -1 day 2562047788:00:54.775807", "1 mon -1 day"]) {
            interval(&$0)
        },
        Kind("interval day to minute") { interval(&$0) },
        Kind("when_") { timestamp(&$0, zoned: true) },
        Kind("deep", ["infinity"]) { timestamp(&$0, zoned: true) },
    ]

    private static let lists: [Kind] = [
        Kind("int[]") { array(&$0) { number(-9...9, &$0) } },
        Kind("text[]") { array(&$0) { text(&$0) } },
        Kind("timestamptz[]") { array(&$0) { timestamp(&$0, zoned: true) } },
        Kind("float8[]") { array(&$0) { double(&$0) } },
        Kind("jsonb[]") { array(&$0) { json(&$0) } },
        Kind("json[]") { array(&$0) { json(&$0) } },
        Kind("boolean[]") { array(&$0) { $0.once(in: 2) ? "t" : "f" } },
        Kind("bytea[]") { array(&$0) { "\\x\(digits(4, &$0))" } },
        Kind("mood[]") { array(&$0) { _ in "sad" } },
        Kind("point3[]") { array(&$0) { composite(&$0) } },
        Kind("int4range[]") { array(&$0) { intRange(&$0) } },
        Kind("ages") { array(&$0) { number(0...99, &$0) } },
        Kind("int2vector", oneOf: ["", "1 2 -3"]),
        Kind("oidvector", oneOf: ["", "1 4294967295"]),
        Kind("point3") { composite(&$0) },
        Kind("shape3") { composite(&$0) },
        Kind("pair") { "(\"\(timestamp(&$0, zoned: true))\",\"(1,x,{})\")" },
        Kind("int4range") { intRange(&$0) },
        Kind("int8range") { intRange(&$0) },
        Kind("numrange") { intRange(&$0) },
        Kind("floats") { intRange(&$0) },
        Kind("daterange", ["[-infinity,infinity]", "(0044-03-15 BC,)"]) { range(&$0, "2024-01-01", "2024-12-31") },
        Kind("tsrange") { range(&$0, "1999-01-01 12:00", "2024-12-31 23:59:59.5") },
        Kind("tstzrange") { range(&$0, "1999-01-01 12:00+05:30", "2024-12-31 23:59:59.5-08") },
        Kind("int4multirange", oneOf: ["{}", "{[1,3),[5,)}"]),
        Kind("tstzmultirange", oneOf: ["{}", "{[\"2024-01-01 00:00+00\",\"2024-01-02 00:00+00\")}"]),
        Kind("datemultirange", oneOf: ["{(,2024-01-01]}"]),
        Kind("nummultirange", oneOf: ["{[1.5,2.5]}"]),
        Kind("int8multirange", oneOf: ["{[1,9223372036854775807)}"]),
        Kind("tsmultirange", oneOf: ["{}", "{(,infinity]}"]),
    ]

    private static let others: [Kind] = [
        Kind("uuid", ["00000000-0000-0000-0000-000000000000"]) {
            "\(digits(8, &$0))-\(digits(4, &$0))-4abc-8DEF-\(digits(12, &$0))"
        },
        Kind("inet", ["::", "::ffff:1.2.3.4/96", "0.0.0.0/0"]) {
            "10.1.\(number(0...255, &$0)).7/\(number(0...32, &$0))"
        },
        Kind("cidr", oneOf: ["10.0.0.0/8", "::/0", "192.168.1.0/24", "2001:db8::/32"]),
        Kind("macaddr", oneOf: ["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"]),
        Kind("macaddr8", oneOf: ["08:00:2b:01:02:03:04:05"]),
        Kind("bit(5)", oneOf: ["10101", "00000"]),
        Kind("varbit", oneOf: ["", "1", "1010101010101010101"]),
        Kind("point", ["(NaN,Infinity)"]) { point(&$0) },
        Kind("line", oneOf: ["{1,-1,0}", "{0.5,2,1e10}"]),
        Kind("lseg") { "[\(point(&$0)),\(point(&$0))]" },
        Kind("box") { "\(point(&$0)),\(point(&$0))" },
        Kind("path", oneOf: ["[(0,0),(1,1.5)]", "((0,0),(1,1),(2,0))"]),
        Kind("polygon", oneOf: ["((0,0),(1,1),(2,0))"]),
        Kind("circle") { "<\(point(&$0)),2.5>" },
        Kind("name_like", ["\\N"]) { word(&$0) },
        Kind("my_mood", oneOf: ["sad"]),
        Kind("doc") { json(&$0) },
        Kind("jsonpath", oneOf: ["$.a[*] ? (@ > 1)", "strict $.\"ü\""]),
        Kind("txid_snapshot", oneOf: ["10:20:10,14"]),
        Kind("pg_snapshot", oneOf: ["10:20:10,14"]),
        Kind("refcursor") { word(&$0) },
    ]

    /// An extension's type, with a cast to JSON of its own.
    static let hstore = Kind("hstore", oneOf: ["", "a=>1", #""q\"ü"=>NULL, "b"=>"\\n""#])
}

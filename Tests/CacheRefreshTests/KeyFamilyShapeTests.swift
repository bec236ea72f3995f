import Testing

@testable import CacheRefresh

@Suite("Key family shapes")
struct KeyFamilyShapeTests {
    /// Columns by name: what a template may use here.
    private static let places: [(name: String, kind: ColumnKind)] = [
        ("id", .integer), ("code", .text), ("uid", .uuid), ("on", .boolean), ("price", .number), ("at", .timestamp),
        ("label", .text), ("n", .integer),
    ]

    /// The identity comes first in a line, as it does in a ``RowShape``.
    private static func shape(_ template: String, identity: [String] = ["id"], prefix: String = "") throws
        -> (family: KeyFamilyShape, identityCount: Int)
    {
        let order = identity + places.map(\.name).filter { !identity.contains($0) }
        let dataset = Dataset(
            name: "test", source: .query(""), keys: [.init(template: try KeyTemplate(template), value: .row)])
        let available = order.map { name in Column(name: name, kind: places.first { $0.name == name }!.kind) }
        let shape = try RowShape(dataset: dataset, identity: identity, available: available, keyPrefix: prefix)
        return (shape.families[0], shape.identityCount)
    }

    @Test(
        "are derived where key and identity determine one another",
        arguments: [
            ("m:{id}", ["id"], true), ("m:{code}", ["code"], true), ("m:{uid}", ["uid"], true), ("{id}", ["id"], true),
            ("m:{id}:{code}", ["id", "code"], true), ("m:{code}:{id}", ["id", "code"], true),
            ("m:{id}:{id}", ["id"], true), ("m:{id}", ["id", "code"], false), ("m:{id}:{label}", ["id"], false),
            ("m:{label}", ["id"], false), ("m:{code}:{label}", ["code", "label"], false),
            ("m{id}:{n}", ["id", "n"], true), ("m:{id}0{n}", ["id", "n"], false), ("m:{id}-{n}", ["id", "n"], false),
            ("m1{id}", ["id"], false), ("m:{uid}a", ["uid"], false), ("m:{uid}z", ["uid"], true),
            ("m:{on}:{code}", ["on", "code"], false), ("m:{price}", ["price"], true),
        ])
    func isDerived(template: String, identity: [String], expected: Bool) throws {
        #expect(try Self.shape(template, identity: identity).family.isDerived == expected)
    }

    @Test(
        "have patterns that match their own keys literally",
        arguments: [
            ("m:{id}", "m:*"), ("{id}", "*"), ("a*b?[x]\\:{id}", "a\\*b\\?\\[x\\]\\\\:*"), ("^-:{id}", "\\^\\-:*"),
            ("m:{id}:{code}:x", "m:*:*:x"),
        ])
    func pattern(template: String, pattern: String) throws {
        #expect(String(decoding: try Self.shape(template).family.pattern, as: UTF8.self) == pattern)
    }

    @Test("are put behind the prefix")
    func prefix() throws {
        let family = try Self.shape("m:{id}", prefix: "staging:").family
        #expect(String(decoding: family.pattern, as: UTF8.self) == "staging:m:*")
        #expect(family.parse(Array("staging:m:7".utf8)) != nil)
        #expect(family.parse(Array("m:7".utf8)) == nil)
    }

    @Test(
        "take a key apart if they can have made it, for certain",
        arguments: [
            ("m:{id}", "m:7", ["7"]), ("m:{id}", "m:0", ["0"]), ("m:{id}", "m:-7", ["-7"]), ("m:{id}", "m:07", nil),
            ("m:{id}", "m:-0", nil), ("m:{id}", "m:+7", nil), ("m:{id}", "m:", nil), ("m:{id}", "m:7 ", nil),
            ("m:{id}", "m:7:x", nil), ("m:{id}", "n:7", nil), ("m:{id}", "m", nil), ("m:{id}", "", nil),
            ("m:{id}", "m:-", nil), ("m:{id}", "m:seven", nil),
            ("m:{id}", "m:9223372036854775807", ["9223372036854775807"]), ("m:{id}", "m:9223372036854775808", nil),
            ("m:{code}", "m:a", ["a"]), ("m:{code}", "m:a b", ["a b"]), ("m:{code}", "m:a:b", nil),
            ("m:{id}:{code}", "m:7:a", ["7", "a"]), ("m:{id}:{code}", "m:7", nil), ("m:{id}:{code}", "m:7:a:b", nil),
            ("m:{id}:{id}", "m:7:7", ["7"]), ("m:{id}:{id}", "m:7:8", nil), ("m:{code}:x", "m:a:x", ["a"]),
            ("m:{code}:x", "m:a:y", nil), ("m:{code}/x", "m:a/x/x", nil),
            ("m:{uid}", "m:2f1c8a3e-0000-4000-8000-123456789abc", ["2f1c8a3e-0000-4000-8000-123456789abc"]),
            ("m:{uid}", "m:2F1C8A3E-0000-4000-8000-123456789ABC", nil),
            ("m:{uid}", "m:2f1c8a3e00004000-8000-123456789abc", nil), ("m:{on}", "m:true", ["true"]),
        ] as [(String, String, [String]?)])
    func parse(template: String, key: String, texts: [String]?) throws {
        let found = try Self.shape(template).family.parse(Array(key.utf8))
        #expect(found?.map { String(decoding: $0.text, as: UTF8.self) } == texts)
    }

    @Test(
        "only take keys apart that they would render back, byte for byte",
        arguments: [
            ("m:{on}", "m:true", true), ("m:{on}", "m:false", true), ("m:{on}", "m:t", false),
            ("m:{on}", "m:yes", false),
            ("m:{price}", "m:1.50", true), ("m:{price}", "m:NaN", true), ("m:{price}", "m:cheap", false),
            ("m:{at}", "m:infinity", true), ("m:{at}", "m:someday", false),
        ])
    func canonical(template: String, key: String, isParsed: Bool) throws {
        #expect((try Self.shape(template).family.parse(Array(key.utf8)) != nil) == isParsed)
    }

    @Test(
        "find the identity that a key was made of, and make the key of the identity",
        arguments: [
            ("m:{id}", ["id"], "7"), ("m:{code}", ["code"], "a b"), ("m:{code}", ["code"], "a\\tb\\\\\\n"),
            ("m:{code}", ["code"], "{é🎉}"), ("m:{id}:{code}", ["id", "code"], "-7\tx"),
            ("m:{code}:{id}", ["id", "code"], "7\tx"), ("m:{on}", ["on"], "t"), ("m:{on}", ["on"], "f"),
            ("m:{price}", ["price"], "-1.50"), ("m:{at}", ["at"], "-infinity"),
        ])
    func roundTrip(template: String, identity: [String], line: String) throws {
        let (family, count) = try Self.shape(template, identity: identity)
        try #require(family.isDerived)
        let line = Array(line.utf8)
        let key = try #require(rendered(family, line))
        #expect(family.identity(ofKey: key, identityCount: count) == line)
    }

    @Test("have no key where a column is NULL, and refuse empty text")
    func absence() throws {
        let family = try Self.shape("m:{id}:{code}").family
        #expect(absence(family, "1\t\\N") == .null)
        #expect(absence(family, "1\t") == .empty)
        #expect(absence(family, "1\tx") == nil)
    }

    private func rendered(_ family: KeyFamilyShape, _ line: [UInt8]) -> [UInt8]? {
        line.withUnsafeBytes { line in
            var fields: [Range<Int>] = []
            CopyText.split(line, into: &fields)
            var key: [UInt8] = []
            return family.appendKey(line, fields, to: &key) == nil ? key : nil
        }
    }

    private func absence(_ family: KeyFamilyShape, _ line: String) -> KeyFamilyShape.Absence? {
        Array(line.utf8).withUnsafeBytes { line in
            var fields: [Range<Int>] = []
            CopyText.split(line, into: &fields)
            var key: [UInt8] = []
            return family.appendKey(line, fields, to: &key)
        }
    }
}

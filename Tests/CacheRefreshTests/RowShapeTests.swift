import Testing

@testable import CacheRefresh

@Suite("Row shapes")
struct RowShapeTests {
    private let columns = [
        Column(name: "name", kind: .text), Column(name: "extra", kind: .json), Column(name: "id", kind: .integer),
        Column(name: "unused", kind: .text),
    ]

    private func dataset(
        _ keys: [(String, Dataset.Value)], mode: Dataset.WriteMode = .upsert
    ) throws -> Dataset {
        Dataset(
            name: "test", source: .query(""),
            keys: try keys.map { .init(template: try KeyTemplate($0.0), value: $0.1) }, mode: mode)
    }

    @Test(
        "are refused with the reason",
        arguments: [
            ([("m:{id}", Dataset.Value.row)], [], RowShape.Mistake.noIdentity),
            (
                [("m:{id}", .row)], ["nope"],
                .unknownColumn("nope", usedBy: "identity", available: ["name", "extra", "id", "unused"])
            ),
            (
                [("m:{nope}", .row)], ["id"],
                .unknownColumn("nope", usedBy: "m:{nope}", available: ["name", "extra", "id", "unused"])
            ),
            (
                [("m:{id}", .column("nope"))], ["id"],
                .unknownColumn("nope", usedBy: "m:{id}", available: ["name", "extra", "id", "unused"])
            ),
            ([("m:{extra}", .row)], ["id"], .structuredColumn("extra", usedBy: "m:{extra}")),
            ([("m:{id}", .row)], ["extra"], .structuredColumn("extra", usedBy: "identity")),
        ])
    func mistakes(keys: [(String, Dataset.Value)], identity: [String], mistake: RowShape.Mistake) throws {
        let dataset = try dataset(keys)
        #expect(throws: mistake) { try RowShape(dataset: dataset, identity: identity, available: columns) }
        #expect("\(mistake)".hasSuffix("."))
    }

    @Test("refuse two columns of one name")
    func repeated() throws {
        let dataset = try dataset([("m:{id}", .row)])
        #expect(throws: RowShape.Mistake.repeatedColumn("id")) {
            try RowShape(dataset: dataset, identity: ["id"], available: columns + [columns[2]])
        }
    }

    @Test("read the identity first, and no more than is used")
    func columnsRead() throws {
        let byColumn = try RowShape(
            dataset: try dataset([("m:{id}:{name}", .column("extra"))]), identity: ["id"], available: columns)
        #expect(byColumn.columns.map(\.name) == ["id", "name", "extra"])
        let byRow = try RowShape(dataset: try dataset([("m:{id}", .row)]), identity: ["id"], available: columns)
        #expect(byRow.columns.map(\.name) == ["id", "name", "extra", "unused"])
        let invalidating = try RowShape(
            dataset: try dataset([("m:{id}", .column("name"))], mode: .invalidate), identity: ["id"],
            available: columns)
        #expect(invalidating.columns.map(\.name) == ["id", "name", "extra", "unused"])
    }

    @Test(
        "offer one pattern for all families",
        arguments: [
            (["m:{id}"], "p:m:*"), (["m:{id}:x"], "p:m:*:x"), (["m:{id}", "n:{name}"], "p:[mn]:*"),
            (["a]{id}", "a-{name}", "b^{id}"], #"p:[ab][\-\]\^]*"#), (["merchant:{id}", "m{name}"], "p:m*"),
            (["m:{id}", "{name}:x"], "p:*"),
        ])
    func patterns(_ templates: [String], _ pattern: String) throws {
        let shape = try RowShape(
            dataset: try dataset(templates.map { ($0, .row) }), identity: ["id"], available: columns, keyPrefix: "p:")
        #expect(String(decoding: shape.scanPattern, as: UTF8.self) == pattern)
    }
}

import Testing

@testable import BatonConfiguration

@Suite("Files with more parts than anybody needs")
struct YAMLFileTests {
    /// So many lists in one another, with a text in the innermost.
    private static func nest(_ levels: Int, around text: String) -> String {
        String(repeating: "[", count: levels) + text + String(repeating: "]", count: levels)
    }

    @Test("Levels count, also those behind an alias", arguments: [(50, 48, true), (50, 60, false), (98, 1, false)])
    func levels(_ inner: Int, _ outer: Int, isRight: Bool) {
        let text = "a: &a \(Self.nest(inner - 1, around: "1"))\nb: \(Self.nest(outer, around: "*a"))\n"
        let (root, mistakes) = YAMLFile.parse(text, path: "test.yaml")
        #expect((root != nil) == isRight)
        #expect(mistakes.map { "\($0)".contains("too many parts") } == (isRight ? [] : [true]))
    }

    @Test("Aliases of aliases are counted as what they stand for")
    func growth() {
        var text = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n"
        for level in 1...8 {
            let alias = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        let (root, mistakes) = YAMLFile.parse(text, path: "test.yaml")
        #expect(root == nil && mistakes.count == 1)
    }
}

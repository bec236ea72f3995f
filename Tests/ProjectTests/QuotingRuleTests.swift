import Foundation
import TestSupport
import Testing

/// A quotation mark and the combining mark behind it are one `Character`, and `é` in one scalar equals `é` in two:
/// whoever quotes, splits, or looks for secrets by characters gets it wrong.
@Suite("Text that comes from others is bytes or scalars")
struct QuotingRuleTests {
    private static let sources = URL(filePath: ConfigurationFixture.repository).appending(path: "Sources")

    /// The files whose work is to quote, to take apart, or to hide. Whatever is in a folder `Quoting` is one of them.
    private static let listed = [
        "CacheRefresh/KeyTemplate.swift", "CacheRefresh/CopyText.swift", "CacheRefresh/ScanPattern.swift",
        "CacheRefresh/Mark.swift", "CacheRefresh/ServerHistory.swift",
        "BatonConfiguration/Redaction.swift", "DatasetReading/SQLWords.swift", "Formatting/PercentEncoding.swift",
        "PostgresClient/StartupOptions.swift", "RedisClient/RedisURLParser.swift",
    ]

    /// What works on characters, unless it is called on a view of bytes or scalars, or on an array.
    private static let forbidden = [
        "Character", "hasPrefix(", "hasSuffix(", ".replacing(", ".isWhitespace", ".isLetter", ".isNumber", ".isNewline",
    ]

    private static func swiftFiles() throws -> [String] {
        let found = try #require(FileManager.default.enumerator(atPath: sources.path()))
        return found.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }
    }

    /// Without its comments.
    private static func code(_ file: String) throws -> [String] {
        try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
            .map { line in line.firstRange(of: "// ").map { String(line[..<$0.lowerBound]) } ?? String(line) }
            .filter { !$0.drop { $0 == " " }.hasPrefix("///") }
    }

    @Test("Code that quotes, takes apart or hides does nothing by characters")
    func listedFiles() throws {
        let quoting = try Self.swiftFiles().filter { $0.contains("/Quoting/") }
        #expect(quoting.count >= 3)
        for file in Self.listed + quoting {
            for line in try Self.code(file) {
                // What Unicode says of a scalar is in its `properties`.
                for word in Self.forbidden where !line.contains("properties.") {
                    #expect(!line.contains(word), "\(file): \(line)")
                }
            }
        }
    }

    @Test("Nobody else doubles quotes: SQL is quoted in one place")
    func onePlace() throws {
        let doubling = ["separator", "with"].flatMap { [#"\#($0): "\"\"""#, #"\#($0): "''""#] }
        for file in try Self.swiftFiles() where !file.contains("/Quoting/") {
            for line in try Self.code(file) {
                for text in doubling { #expect(!line.contains(text), "\(file): \(line)") }
            }
        }
    }
}

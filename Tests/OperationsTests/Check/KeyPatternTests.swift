import CacheRefresh
import RedisClient
import Testing

@testable import BatonConfiguration
@testable import Operations

@Suite("Templates that could make the same key")
struct KeyPatternTests {
    /// `i`: an integer, `u`: a uuid, `b`: a boolean, `n`: a number, `t`: text, `d`: a timestamp.
    private func pattern(_ template: String) throws -> KeyPattern {
        KeyPattern(try KeyTemplate(template), prefix: "p:") { name in
            ["i": .integer, "u": .uuid, "b": .boolean, "n": .number, "d": .timestamp][name]
        }
    }

    @Test(
        "are found, with a key that both make",
        arguments: [
            ("user:{i}", "user:{i}", "p:user:1"),
            ("user:{t}", "user:{t}:profile", "p:user:1:profile"),
            ("user:{i}", "user:{t}", "p:user:1"),
            ("user:{u}", "user:{t}", "p:user:11111111-1111-1111-1111-111111111111"),
            ("x:{i}:{t}", "x:{t}:{i}", "p:x:1:1"),
            ("{t}", "user:{i}", "p:user:1"),
            ("a{i}", "a{i}1", "p:a11"),
            ("a{n}", "a{i}", "p:a1"),
            ("a{d}", "a{i}", "p:a1"),
            ("x:{i}", "x:-{i}", "p:x:-1"),
        ])
    func common(_ left: String, _ right: String, key: String) throws {
        #expect(try pattern(left).commonKey(with: pattern(right)) == key)
        #expect(try pattern(right).commonKey(with: pattern(left)) != nil)
    }

    @Test(
        "are told from those that could not",
        arguments: [
            ("user:{i}", "user:{i}:profile"),
            ("user:{u}", "user:{i}"),
            ("user:{i}", "users:{i}"),
            ("a:{t}", "b:{t}"),
            ("a:{b}", "a:{i}"),
            ("cache:u:id:{i}", "cache:u:phone:{t}"),
        ])
    func disjoint(_ left: String, _ right: String) throws {
        #expect(try pattern(left).commonKey(with: pattern(right)) == nil)
    }

    @Test("Baton's own keys are safe from templates that begin otherwise")
    func ownKeys() throws {
        let ours = KeyPattern(beginningWith: "p:{baton:default}:")
        #expect(try pattern("{{baton:{t}").commonKey(with: ours) != nil)
        #expect(try pattern("{t}").commonKey(with: ours) != nil)
        #expect(try pattern("user:{t}").commonKey(with: ours) == nil)
    }

    @Test(
        "count where the keys are in the same place, whatever the server is called",
        arguments: [
            ("redis://db:6379/0", true), ("redis://user@db/0", true), ("redis://db/1", false),
            ("redis://other/0", false),
        ])
    func place(_ url: String, isSame: Bool) throws {
        let redis = [
            "main": Configuration.Redis(url: try RedisURL("redis://db:6379/0")),
            "second": Configuration.Redis(url: try RedisURL(url)),
        ]
        let configuration = Configuration(postgres: .init(url: "postgresql://db"), redis: redis)
        var overlap = KeyOverlap(configuration)
        for name in ["main", "second"] {
            let dataset = Dataset(
                name: "of-\(name)", source: .table("users", where: nil, filter: nil),
                keys: [.init(template: try KeyTemplate("user:{id}"), value: .row)], redis: name)
            overlap.add(dataset, ["id".exact: .integer], redis: redis[name])
        }
        let findings = overlap.findings()
        #expect(findings.map(\.dataset) == (isSame ? ["of-second"] : []))
        #expect(findings.allSatisfy { $0.finding.text.contains("is a template of of-main too") })
    }
}

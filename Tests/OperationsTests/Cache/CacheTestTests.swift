import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import Operations

@Suite("baton cache test")
struct CacheTestTests {
    private func report(_ tools: CacheTools) async throws -> CheckReport {
        try await tools.test(progress: CacheTools.silence)
    }

    @Test("says what is there")
    func healthy() async throws {
        try await CacheFixture.with(LocalRedis.Options()) { redis, _ in
            try await redis.set("cache:appUsers:id:7", "other")
            try await redis.send("EXPIRE", "cache:appUsers:id:7", "900")
            let report = try await report(redis.tools)
            #expect(report.status == .done && report.findings.filter { $0.severity != .note } == [])
            let text = report.text()
            for part in [" ms (at most ", "run id ", "which holds 2 keys", "cache:appUsers:id:{id}: 1"] {
                #expect(text.contains(part), "\(part): \(text)")
            }
            #expect(report.json.contains(#""latency""#))
        }
    }

    @Test("finds the keys in another database, and under another prefix")
    func mistakes() async throws {
        try await CacheFixture.with(LocalRedis.Options()) { redis, server in
            var text = try await report(redis.tools).text()
            #expect(text.contains("This database is empty"))
            try await redis.send("SELECT", "3")
            try await redis.set("cache:appUsers:id:7")
            try await redis.send("SELECT", "0")
            let other = try await report(redis.tools)
            #expect(other.status == .no)
            #expect(other.text().words.contains("The keys are in database 3 of this server, not in 0"))
            #expect(try await report(try CacheTools(redis: server.url, database: 3)).status == .done)
            try await redis.set("staging:cache:appUsers:id:7")
            text = try await report(redis.tools).text()
            #expect(text.words.contains("keys such as staging:cache:appUsers:id:7"))
            #expect(try await report(try CacheTools(redis: server.url, prefix: "staging:")).status == .done)
        }
    }

    @Test("warns of a mistake with one family though another is there, and not of families that are just empty")
    func oneFamily() async throws {
        try await CacheFixture.with(LocalRedis.Options()) { redis, _ in
            for key in ["cache:appUsers:id:7", "cache:public:appUsers:phone:1"] {
                try await redis.send("SET", key, "x", "EX", "900")
            }
            #expect(!(try await report(redis.tools).text()).contains("warning"))
            try await redis.set("staging:cache:oaUsers:id:7")
            let warned = try await report(redis.tools)
            #expect(warned.status == .done)
            #expect(warned.text().words.contains("keys such as staging:cache:oaUsers:id:7"))
        }
    }

    @Test("says what to do where nobody answers, or the password is wrong")
    func unreachable() async throws {
        let nobody = try await report(try CacheTools(redis: "redis://127.0.0.1:1/0"))
        #expect(nobody.status == .unavailable && nobody.text().words.contains("Compare host and port"))
        var options = LocalRedis.Options()
        options.password = "right"
        try await CacheFixture.with(options) { _, server in
            let wrong = try await report(try CacheTools(redis: "redis://127.0.0.1:\(server.port)", password: "wrong"))
            #expect(wrong.status == .refused)
            #expect(!wrong.text().contains("wrong"))
        }
        #expect(throws: InspectionError.self) { try CacheTools(redis: "http://x") }
    }

    @Test("tells several Redises apart")
    func several() async throws {
        try await CacheFixture.with { redis in
            let files = try ConfigurationFixture(
                """
                version: 1
                postgres: { url: "postgresql://127.0.0.1:1/x" }
                redis:
                  main: { url: "\(redis.url)" }
                  same: { url: "\(redis.url.replacing("127.0.0.1", with: "localhost"))" }
                  other: { url: "redis://127.0.0.1:1" }
                  unused: { url: "redis://127.0.0.1:2" }

                """,
                datasets: """
                    version: 1
                    datasets:
                      a: { table: a, key: "a:{id}" }
                      b: { table: b, key: "b:{id}", redis: same }
                    families:
                      c: { keys: ["c:{id}", "d:{id}"], redis: other }

                    """)
            try await redis.set("a:1", "b:1")
            let configuration = try files.load()
            let report = try await report(try CacheTools(configuration, server: nil, database: nil))
            #expect(report.sections.map(\.name) == ["main", "other", "same"])
            #expect(report.status == .unavailable)
            #expect(report.text().words.contains("`main`, `same` are the same database of the same server"))
            #expect(report.text().words.contains("There are 2 different Redises"))
            #expect(
                try CacheTools(configuration, server: "unused", database: 4).places.first?.settings.url.database == 4)
            let error = #expect(throws: InspectionError.self) {
                try CacheTools(configuration, server: "mian", database: nil)
            }
            #expect(error?.message.contains("Did you mean `main`?") == true)
        }
    }
}

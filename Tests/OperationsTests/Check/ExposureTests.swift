import LocalStack
import TestSupport
import Testing

@testable import Operations

@Suite("What goes over a network unprotected")
struct ExposureTests {
    /// On Linux 0.0.0.0 is this machine, but by its looks it is not.
    @Test("check warns of it beyond this machine, and of nothing on it")
    func warnings() async throws {
        var options = LocalRedis.Options()
        options.password = "secret"
        try await InspectionFixture.with(redis: options) { fixture in
            let near = try await fixture.inspector().check()
            #expect(near.findings.filter { $0.severity == .warning } == [])
            let far = try await fixture.inspector([
                "BATON_REDIS_MAIN_URL": fixture.redis.url.replacing("127.0.0.1", with: "0.0.0.0"),
                "BATON_POSTGRES_URL": fixture.databaseURL.replacing("127.0.0.1", with: "0.0.0.0"),
            ]).check()
            #expect(far.texts(.problem, in: "main") == [])
            let redis = try #require(far.texts(.warning, in: "main").first)
            #expect(redis.contains("The password goes over the network as clear text") && redis.contains("`rediss://`"))
            let postgres = try #require(far.texts(.warning, in: "").first)
            #expect(postgres.hasPrefix("sslmode is prefer: ") && postgres.contains("sslmode=verify-full"))
            #expect(!far.text().contains("secret"))
        }
    }

    @Test("a password by itself, and a server by its socket, are enough and none to warn of")
    func places() {
        for host in ["", "/run/postgresql", "@abstract", "localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1"] {
            #expect(Exposure.isLocal(host), "\(host)")
        }
        for host in ["db", "10.0.0.7", "127.0.0.1.example", "1270.0.0.1", "localhost.example", "::2", "128.0.0.1"] {
            #expect(!Exposure.isLocal(host), "\(host)")
        }
    }

    /// Modes of libpq that leave the server unverified are named where they are warned of, and advised nowhere.
    @Test("nothing that Baton prints, and no document, shows a weaker sslmode than verify-full")
    func advice() throws {
        let weak = ["disable", "allow", "prefer", "require", "verify-ca"].flatMap {
            ["sslmode=\($0)", "sslmode: \($0)"]
        }
        var shown = 0
        for path in try SourceFiles.all(in: [
            "Sources", "docs", "helm", "config", "README.md", "README.zh-CN.md", "RUNBOOK.md",
        ]) {
            let text = try ConfigurationFixture.read(path)
            for mode in weak where text.contains(mode) { Issue.record("\(path) shows \(mode)") }
            if text.contains("sslmode=verify-full") { shown += 1 }
        }
        #expect(shown >= 4, "it is shown in the documents, which are searched")
    }
}

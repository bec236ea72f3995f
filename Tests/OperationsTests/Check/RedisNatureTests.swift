import LeaderElection
import LocalStack
import RedisClient
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import GroupState
@testable import Operations

@Suite("What is no single Redis")
struct RedisNatureTests {
    enum Kind: String, CaseIterable {
        case cluster, sentinel, proxy

        var words: String {
            switch self {
            case .cluster: "This Redis is in cluster mode, which Baton does not support"
            case .sentinel: "This is a Sentinel, which holds no keys"
            case .proxy: "This is no Redis but a proxy"
            }
        }
    }

    /// Calls `body` with the address of such a server.
    private func withServer(_ kind: Kind, _ files: ConfigurationFixture, _ body: (String) async throws -> Void)
        async throws
    {
        switch kind {
        case .cluster:
            var options = LocalRedis.Options()
            options.configuration = ["cluster-enabled yes"]
            try await LocalRedis.withServer(options) { try await body($0.url) }
        case .sentinel:
            let port = try freePort()
            try files.write("port \(port)\nbind 127.0.0.1\ndir \(files.folder)\n", to: "sentinel.conf")
            let server = try await ChildProcess.start(
                "/usr/bin/redis-server", ["\(files.folder)/sentinel.conf", "--sentinel"], environment: [:],
                workingDirectory: files.folder)
            do {
                try await body("redis://127.0.0.1:\(port)/0")
            } catch {
                await server.kill()
                throw error
            }
            await server.kill()
        case .proxy:
            let proxy = try await FakeProxy.start()
            try await body(proxy.url)
            await proxy.close()
        }
    }

    @Test("is refused by check, and in its words by the election and by passes", arguments: Kind.allCases)
    func refused(_ kind: Kind) async throws {
        try await InspectionFixture.with { fixture in
            try await withServer(kind, fixture.files) { url in
                var problems: [String] = []
                try await eventually("check has asked") {
                    let report = try await fixture.inspector(["BATON_REDIS_MAIN_URL": url]).check()
                    problems = report.texts(.problem, in: "main")
                    return report.status != .unavailable  // a server that has not come up yet
                }
                #expect(problems.count == 1, "one finding says all: \(problems)")
                #expect(problems.first?.hasPrefix(kind.words) == true, "\(problems)")

                for command in ["plan", "status", "history", "pause", "fsck", "cache list", "cache get a"] {
                    let run = try await BatonProgram.run(
                        "BATON_REDIS_MAIN_URL='\(url)' baton \(command) --config baton.yaml", in: fixture.files)
                    #expect(run.status == 78 && run.errors.contains(kind.words), "\(command): \(run)")
                }

                let bench = try await ElectionBench.onSharedRedis()
                let store = try bench.store(url: url)
                let refusal = await #expect(throws: LeaseError.self) {
                    _ = try await store.acquire(.random(), floor: .zero)
                }
                await store.close()
                #expect(refusal?.message == problems.first)
                #expect(refusal?.remedy == .repair)

                let log = try await BatonProgram.run(
                    """
                    BATON_REDIS_MAIN_URL='\(url)' BATON_LOG_FORMAT=text $BATON run --config baton.yaml & pid=$!;
                    for i in {1..100}; do grep -q 'cannot compete' errors && break; sleep 0.1; done;
                    kill -TERM $pid; wait $pid; echo "status $?"
                    """, in: fixture.files
                )
                #expect(log.errors.contains(kind.words), "\(log.errors)")
                #expect(!log.errors.contains("elected"), "\(log.errors)")
                #expect(log.output == "status 0\n")
            }
        }
    }

    @Test("Valkey names its modes otherwise in INFO", arguments: ["server_mode", "redis_mode"])
    func modes(_ field: String) {
        let facts = RedisFacts(info: "redis_version:7.2.4\r\nvalkey_version:9.1.2\r\n\(field):sentinel\r\n")
        #expect(facts.findings(holdsLease: true).first?.text.contains("Sentinel") == true)
    }
}

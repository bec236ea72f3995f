import Drills
import Foundation
import LocalStack
import Testing

@Suite("Probes, asked as a cluster would", .serialized)
struct ProbeTests {
    private func withReplicas(
        _ names: String..., body: (Cluster, [(replica: ReplicaProcess, probe: Probe)]) async throws -> Void
    ) async throws {
        try await Cluster.with(sql: ReplicaTests.schema, datasets: ReplicaTests.datasets) { cluster in
            var replicas: [(ReplicaProcess, Probe)] = []
            for name in names {
                let replica = try await cluster.start(name, environment: ["BATON_HTTP_LISTEN": "127.0.0.1:0"])
                replicas.append((replica, try await Probe(replica)))
            }
            try await body(cluster, replicas)
        }
    }

    @Test("Leader and followers are alive and ready alike; without Redis they are alive but not ready")
    func redisAway() async throws {
        try await withReplicas("a", "b") { cluster, replicas in
            try await eventually("a leader") { try await cluster.leader() != nil }
            for (_, probe) in replicas {
                try await eventually("ready") { await probe.status("/readyz") == 200 }
                #expect(await probe.status("/healthz") == 200)
            }
            try cluster.redis.signal(SIGSTOP)
            for (_, probe) in replicas {
                try await eventually("not ready") { await probe.status("/readyz") == 503 }
                #expect(await probe.status("/healthz") == 200)
            }
            try cluster.redis.signal(SIGCONT)
            for (replica, probe) in replicas {
                try await eventually("ready again") { await probe.status("/readyz") == 200 }
                try replica.process.signal(SIGTERM)
                #expect(await replica.ended(within: .seconds(20)) == .exited(0))
                #expect(await probe.status("/healthz") == nil)
            }
        }
    }

    @Test("A replica that has not found PostgreSQL is alive but not ready")
    func postgresAway() async throws {
        try await Cluster.with(sql: ReplicaTests.schema, datasets: ReplicaTests.datasets) { cluster in
            await cluster.postgres.stop()
            let replica = try await cluster.start("a", environment: ["BATON_HTTP_LISTEN": "127.0.0.1:0"])
            let probe = try await Probe(replica)
            #expect(await probe.status("/healthz") == 200)
            #expect(await probe.status("/readyz") == 503)
            try await cluster.postgres.restart()
            try await eventually("ready") { await probe.status("/readyz") == 200 }
        }
    }

    @Test("A port that is in use ends a replica at once, with the status for it")
    func portInUse() async throws {
        try await withReplicas("a") { cluster, replicas in
            let second = try await cluster.start("b", environment: ["BATON_HTTP_LISTEN": replicas[0].probe.address])
            #expect(await second.ended(within: .seconds(10)) == .exited(69))
            #expect(second.log.contains { $0.text.contains("cannot listen on") && $0.text.contains("in use") })
        }
    }
}

/// Asks a replica where it has said that it listens.
struct Probe {
    let address: String

    init(_ replica: ReplicaProcess, within limit: Duration = .seconds(20)) async throws {
        address = try #require(try await replica.line("listening", within: limit).line.metadata["address"])
    }

    /// - Returns: nil if nobody answers.
    func status(_ path: String) async -> Int? {
        await lines(path).first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }

    /// What a page says; nil if nobody answers.
    func page(_ path: String) async -> String? {
        let lines = await lines(path)
        guard let end = lines.firstIndex(where: { $0.isEmpty || $0 == "\r" }) else { return nil }
        return lines[(end + 1)...].joined(separator: "\n") + "\n"
    }

    private func lines(_ path: String) async -> [String] {
        guard
            let process = try? await ChildProcess.start(
                "bash",
                [
                    "-c",
                    """
                    exec 3<>/dev/tcp/\(address.replacing(":", with: "/")) || exit
                    printf 'GET \(path) HTTP/1.1\\r\\nHost: probe\\r\\n\\r\\n' >&3; timeout 10 cat <&3
                    """,
                ])
        else { return [] }
        var lines: [String] = []
        for await line in process.standardOutput { lines.append(line) }
        _ = await process.wait()
        return lines
    }
}

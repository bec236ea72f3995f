import CoreMetrics
import LeaderElection
import Synchronization
import TestSupport
import Testing

@testable import BatonConfiguration
@testable import ElectionRuntime
@testable import Formatting
@testable import StatusServer
@testable import Telemetry

@Suite("What is found out when somebody asks")
struct ReplicaMetricsTests {
    private static let lease = Lease(
        text: "", epoch: Epoch(1_795_253_980_057_128)!, token: .random(), holder: "a", sinceMilliseconds: 0)

    private func value(_ name: String, of group: String? = nil, _ metrics: ReplicaMetrics) throws -> Double {
        let start = name + (group.map { "{group=\"\($0)\"}" } ?? "") + " "
        let line = metrics.registry.text.split(separator: "\n").first { $0.hasPrefix(start) }
        return try #require(line?.split(separator: " ").last.flatMap { Double($0) })
    }

    @Test("leads, with an epoch and a lease, for as long as the term lives, and not a moment longer")
    func term() throws {
        let metrics = ReplicaMetrics(groups: ["default"], version: "1.2.3", commit: "abc")
        #expect(try value("baton_is_leader", of: "default", metrics) == 0)
        #expect(try value("baton_epoch", of: "default", metrics) == 0)
        let term = LeadershipTerm(lease: Self.lease, deadline: .now + .seconds(600))
        metrics.watch(term, of: "default")
        #expect(try value("baton_is_leader", of: "default", metrics) == 1)
        #expect(try value("baton_epoch", of: "default", metrics) == 1_795_253_980_057_128)
        #expect((1...600).contains(try value("baton_lease_remaining_seconds", of: "default", metrics)))
        term.end(.steppedDown)
        for name in ["baton_is_leader", "baton_epoch", "baton_lease_remaining_seconds"] {
            #expect(try value(name, of: "default", metrics) == 0)
        }
        // Nobody has told this one that it is over: the clock says so.
        metrics.watch(LeadershipTerm(lease: Self.lease, deadline: .now - .milliseconds(1)), of: "default")
        for name in ["baton_is_leader", "baton_epoch", "baton_lease_remaining_seconds"] {
            #expect(try value(name, of: "default", metrics) == 0)
        }
    }

    @Test("says what runs here, which connections are open, and what the kernel knows of the process")
    func process() throws {
        let metrics = ReplicaMetrics(groups: ["default"], version: "1.2.3", commit: "abc")
        let isOpen = Mutex(false)
        let connection = { @Sendable in isOpen.withLock { $0 } }
        metrics.watch("main", of: "default", purpose: "lease", isOpen: connection)
        #expect(metrics.registry.text.contains(#"baton_build_info{commit="abc",version="1.2.3"} 1"#))
        #expect(
            metrics.registry.text.contains(#"baton_redis_connected{group="default",purpose="lease",redis="main"} 0"#))
        isOpen.withLock { $0 = true }
        #expect(
            metrics.registry.text.contains(#"baton_redis_connected{group="default",purpose="lease",redis="main"} 1"#))
        let seconds = Double(WallClock.now.millisecondsSince1970) / 1000
        #expect(try value("process_cpu_seconds_total", metrics) > 0)
        #expect(try value("process_resident_memory_bytes", metrics) > 0x100000)
        #expect(try value("process_virtual_memory_bytes", metrics) > 0x100000)
        #expect(try value("process_open_fds", metrics) > 2)
        #expect(try value("process_max_fds", metrics) > 2)
        // Of this process, which began a while ago, but not days.
        #expect((seconds - 86400...seconds).contains(try value("process_start_time_seconds", metrics)))
    }

    @Test("tells groups apart, in what is counted for them too")
    func groups() throws {
        let metrics = ReplicaMetrics(groups: ["shop", "bank"], version: "1.2.3", commit: "abc")
        metrics.watch(LeadershipTerm(lease: Self.lease, deadline: .now + .seconds(600)), of: "bank")
        #expect(try value("baton_is_leader", of: "shop", metrics) == 0)
        #expect(try value("baton_is_leader", of: "bank", metrics) == 1)
        let instruments = Instruments(metrics.factory(for: "bank"))
        instruments.termsBegan.increment()
        _ = Instruments(metrics.factory(for: "shop"))
        #expect(try value("baton_terms_began_total", of: "bank", metrics) == 1)
        #expect(try value("baton_terms_began_total", of: "shop", metrics) == 0)
    }

    @Test("is one page of the server")
    func page() async throws {
        let metrics = ReplicaMetrics(groups: ["default"], version: "1.2.3", commit: "abc")
        let server = try await HTTPServer.start(on: ListenAddress(host: "127.0.0.1", port: 0), routes: metrics.routes)
        let answer = await ProbeClient.asking("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n", at: server.address)
        #expect(answer.status == 200)
        #expect(answer.head.lowercased().contains("content-type: text/plain; version=0.0.4; charset=utf-8"))
        #expect(answer.body.hasPrefix("# HELP baton_build_info "))
        await server.stop()
    }
}

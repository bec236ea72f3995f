import Glibc
import LocalStack
import TestSupport
import Testing

@testable import Telemetry

@Suite("What is counted of the election")
struct ElectionMetricsTests {
    @Test("terms by their reasons, how long renewals take, and those that fail")
    func election() async throws {
        try await LocalRedis.withServer { server in
            let bench = try await ElectionBench(on: server, timing: ElectionBench.quick)
            let registry = PrometheusRegistry()
            let replica = try ElectionReplica("pod-1", bench, metrics: registry)
            for reason in ["deadline", "shutdown", "taken-over"] {
                #expect(registry.value("baton_terms_ended_total{reason=\"\(reason)\"}") == 0)
            }
            let term = try await replica.elected()
            #expect(registry.value("baton_terms_began_total") == 1)
            try await eventually("renewals") { registry.value("baton_lease_renewal_duration_seconds_count") ?? 0 >= 3 }
            #expect(registry.value("baton_lease_renewal_duration_seconds_sum") ?? 0 > 0)
            #expect(registry.value("baton_lease_renewal_failures_total") == 0)
            try server.signal(SIGSTOP)
            try await eventually("a failure") { registry.value("baton_lease_renewal_failures_total") ?? 0 >= 1 }
            try await eventually("the end") { registry.value("baton_terms_ended_total{reason=\"deadline\"}") == 1 }
            try server.signal(SIGCONT)
            _ = try await replica.elected(after: term)
            #expect(registry.value("baton_terms_began_total") == 2)
            await replica.close()
            #expect(registry.value("baton_terms_ended_total{reason=\"shutdown\"}") == 1)
        }
    }
}

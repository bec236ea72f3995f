import Faults
import LeaderElection
import LocalStack
import TestSupport
import Testing

@testable import ElectionRuntime
@testable import Operations

@Suite("A Redis that is far away")
struct DistantRedisTests {
    /// With the settings that everybody has. Connecting, making the scripts known and asking take several round trips,
    /// and shared the time of one answer once.
    @Test("is led from, as long as a round trip is shorter than renewTimeout", arguments: [200, 450])
    func leads(_ milliseconds: Int) async throws {
        let bench = try await ElectionBench.onSharedRedis(timing: .standard)
        let link = try await FaultyLink.start(to: bench.redis.port)
        link.set(
            toServer: .delayed(.milliseconds(milliseconds / 2)), toClient: .delayed(.milliseconds(milliseconds / 2)))
        let replica = try ElectionReplica("pod-1", bench, url: bench.redis.url(port: link.port))
        try await eventually("a term whose lease was renewed") {
            replica.work.renewals.contains { $0.fence != nil }
        }
        await replica.close()
        await link.close()
    }

    @Test("is found out by check where it is farther away than that")
    func check() async throws {
        try await InspectionFixture.with(main: "lease: { renewTimeout: 60ms }") { fixture in
            let link = try await FaultyLink.start(to: fixture.redis.port)
            let url = ["BATON_REDIS_MAIN_URL": fixture.redis.url(port: link.port)]
            #expect(try await fixture.inspector(url).check().texts(.problem, in: "main") == [])
            link.set(toServer: .delayed(.milliseconds(40)), toClient: .delayed(.milliseconds(40)))
            let report = try await fixture.inspector(url).check()
            await link.close()
            let problems = report.texts(.problem, in: "main")
            #expect(problems.count == 1, "\(problems)")
            #expect(problems.first?.hasPrefix("A round trip takes ") == true, "\(problems)")
            #expect(
                problems.first?.contains("longer than `lease.renewTimeout` (60ms): no renewal is answered") == true)
            #expect(problems.first?.contains("set `lease: { ttl: ") == true, "\(problems)")
            #expect(report.status == .no)
        }
    }
}

import ElectionSimulation
import Glibc
import Testing

/// Whatever goes wrong, the promises of the election hold; and where one thing on which they rest is taken away, that
/// is found.
///
/// A failure names its seed: `baton-sim --seed … --trace` shows what happened.
@Suite("The election, simulated")
struct PromiseTests {
    /// Fewer where the program is slow, as under the thread sanitizer: `BATON_SIMULATED_SCHEDULES`.
    static let schedules = getenv("BATON_SIMULATED_SCHEDULES").flatMap { UInt64(String(cString: $0)) } ?? 100_000

    @Test("No promise is broken in any schedule", .timeLimit(.minutes(10)))
    func promisesHold() async {
        let result = await Campaign(seeds: 1..<Self.schedules + 1).run()
        #expect(result.first?.violation == nil, "baton-sim --seed \(result.first?.seed ?? 0) --trace")
        // What did not happen was not tested.
        let tally = result.tally
        let schedules = Int(Self.schedules)
        #expect(tally.schedules == schedules)
        #expect(tally.elections > 2 * schedules && tally.acceptedBatches > 50 * schedules)
        #expect(tally.staleBatchesRefused > schedules / 2 && tally.gaps > schedules)
        #expect(tally.failovers > schedules / 5 && tally.dataLosses > schedules / 5)
        #expect(tally.silentLeadersSucceeded > schedules / 20)
    }

    @Test("Each mutation is found", arguments: Mutation.allCases)
    func mutationIsFound(_ mutation: Mutation) async throws {
        let bound: UInt64 = 10_000
        let result = await Campaign(seeds: 1..<bound + 1, mutation: mutation, rule: mutation.breaks).run()
        let found = try #require(result.first, "\(mutation.rawValue) breaks no promise in \(bound) schedules")
        #expect(found.violation?.rule == mutation.breaks)
        // The same schedule without the flaw keeps its promises.
        var sound = Simulation(seed: found.seed)
        #expect(sound.run().violation == nil)
    }

    @Test("A seed decides everything", arguments: 1...20 as ClosedRange<UInt64>)
    func seedDecides(_ seed: UInt64) {
        var first = Simulation(seed: seed, isTraced: true)
        var second = Simulation(seed: seed, isTraced: true)
        var silent = Simulation(seed: seed)
        var other = Simulation(seed: seed + 1000, isTraced: true)
        let outcome = first.run()
        #expect(outcome.trace.count > 10)
        #expect(second.run().trace == outcome.trace)
        #expect(other.run().trace != outcome.trace)
        // Watching changes nothing.
        let unseen = silent.run()
        #expect(unseen.trace == [] && unseen.tally == outcome.tally && unseen.violation == outcome.violation)
    }

    @Test("A trace tells what happened, and ends with the verdict")
    func traceIsReadable() async throws {
        let campaign = Campaign(seeds: 1..<2000, mutation: .fenceOff, rule: .noStaleWrite)
        let found = try #require(await campaign.run().first)
        var replay = Simulation(seed: found.seed, mutation: .fenceOff, isTraced: true)
        let trace = replay.run().trace
        #expect(trace.first?.contains("replicas, faults until") == true)
        #expect(trace.contains { $0.contains("home-1   elects pod-") })
        #expect(trace.last?.contains("referee  no-stale-write: ") == true)
    }
}

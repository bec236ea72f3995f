import Testing

@testable import CacheRefresh

/// The order of sets and dictionaries takes part: `SWIFT_DETERMINISTIC_HASHING=1` repeats a run exactly.
@Suite("Simulated trouble")
struct SimulationTests {
    static let seeds: ClosedRange<UInt64> = 1...8

    @Test("upsert: the cache equals the table, whatever happened", arguments: seeds, Dataset.Format.allCases)
    func upsert(seed: UInt64, format: Dataset.Format) throws {
        var simulation = try Simulation(.init(mode: .upsert, format: format, seed: seed))
        try simulation.run()
        #expect(simulation.violations == [])
        #expect(simulation.comparisons > 50)
    }

    @Test("existing: the cache holds nothing stale, whatever happened", arguments: seeds, Dataset.Format.allCases)
    func existing(seed: UInt64, format: Dataset.Format) throws {
        var simulation = try Simulation(.init(mode: .existing, format: format, seed: seed))
        try simulation.run()
        #expect(simulation.violations == [])
    }

    @Test("invalidate: the cache holds nothing stale, whatever happened", arguments: seeds, [true, false])
    func invalidate(seed: UInt64, sharesPhones: Bool) throws {
        var simulation = try Simulation(.init(mode: .invalidate, seed: seed, sharesPhones: sharesPhones))
        try simulation.run()
        #expect(simulation.violations == [])
    }

    @Test(
        "the cache is right, whatever happened, where passes read all rows and some by turns",
        arguments: seeds, Dataset.WriteMode.allCases)
    func identities(seed: UInt64, mode: Dataset.WriteMode) throws {
        var simulation = try Simulation(
            .init(mode: mode, seed: seed, sharesPhones: mode != .invalidate, readsIdentities: true))
        try simulation.run()
        #expect(simulation.violations == [])
        if mode == .upsert { #expect(simulation.comparisonsOfSome > 10) }
    }

    @Test(
        "finds guards that are switched off",
        arguments: [
            (Dataset.WriteMode.upsert, FakeRedis.Sabotage.dropsDeletions), (.existing, .dropsDeletions),
            (.invalidate, .dropsDeletions), (.upsert, .reversesBatches), (.upsert, .forgetsToReportMissing),
            (.upsert, .keepsEverything),
        ])
    func findsSabotage(mode: Dataset.WriteMode, sabotage: FakeRedis.Sabotage) throws {
        let isFound = try Self.seeds.contains { seed in
            var simulation = try Simulation(.init(mode: mode, seed: seed, sabotage: sabotage))
            try simulation.run()
            return !simulation.violations.isEmpty
        }
        #expect(isFound)
    }
}

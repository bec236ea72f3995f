import LeaderElection
import Testing

/// SplitMix64: small, and the same everywhere for the same seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

/// Several electors against a store that loses requests and answers, dies and forgets, on clocks that jump: whatever
/// happens, the promises of ``Elector`` hold. A failure names its seed, with which it happens again.
@Suite struct InvariantTests {
    @Test(arguments: 0..<100) func promisesHold(seed: UInt64) {
        var world = World(seed: seed)
        world.run(steps: 1500)
        #expect(world.complaints == [], "seed \(seed)")
        #expect(world.elections > 0, "seed \(seed): nobody was ever elected")
    }

    @Test(arguments: 0..<20) func someoneLeadsAgainOnceAllIsWell(seed: UInt64) {
        var world = World(seed: seed)
        world.run(steps: 600)
        world.isHealthy = true
        let before = world.elections
        world.run(steps: 400)
        #expect(world.complaints == [], "seed \(seed)")
        #expect(world.someoneLeads || world.elections > before, "seed \(seed): nobody leads")
    }
}

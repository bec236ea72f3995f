public import ArgumentParser
public import ElectionSimulation
internal import Glibc

/// `baton-sim`: plays elections in which everything goes wrong, and says whether a promise was broken.
@main
struct BatonSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-sim",
        abstract: "Plays simulated elections in which everything goes wrong, and says whether a promise was broken.",
        discussion: """
            A schedule is decided by its seed: the same seed gives the same schedule, on every machine. Without a violation \
            the status is 0, with one it is 1.

            EXAMPLES
              baton-sim --seed 42 --trace
              baton-sim --schedules 100000
              baton-sim --schedules 1000 --mutation fence-off
            """)

    @Option(name: .long, help: "Play the schedule of this seed; with --schedules the first one.")
    var seed: UInt64 = 1

    @Option(name: .long, help: "Play so many schedules, of consecutive seeds.")
    var schedules: UInt64 = 1

    @Option(name: .long, help: "Give the system a flaw that must be found.")
    var mutation: Mutation?

    @Option(name: .long, help: "Look for a violation of this rule only.")
    var rule: Violation.Rule?

    @Flag(name: .long, help: "Print what happens in the schedule; of many, in the one that breaks a promise.")
    var trace = false

    @Option(name: .long, help: "Play so many schedules at once.")
    var workers = 2

    func validate() throws {
        guard schedules > 0, seed <= .max - schedules else { throw ValidationError("--schedules must be at least 1.") }
        guard workers > 0 else { throw ValidationError("--workers must be at least 1.") }
    }

    func run() async throws {
        let began = ContinuousClock.now
        let total = schedules
        let campaign = Campaign(seeds: seed..<seed + schedules, mutation: mutation, rule: rule)
        let result = await campaign.run(workers: workers) { result in
            if result.tally.schedules % 10_000 == 0 {
                print("\(result.tally.schedules) of \(total) schedules, \(ContinuousClock.now - began)")
                fflush(nil)
            }
        }
        if trace { showTrace(of: result.first?.seed ?? seed) }
        print(text(result, ContinuousClock.now - began))
        if let first = result.first, let violation = first.violation {
            print("VIOLATED in seed \(first.seed): \(violation)")
            throw ExitCode.failure
        }
        print(result.others == 0 ? "no promise was broken" : "other rules were broken in \(result.others) schedules")
    }

    private func showTrace(of seed: UInt64) {
        var simulation = Simulation(seed: seed, mutation: mutation, isTraced: true)
        for line in simulation.run().trace { print(line) }
    }

    private func text(_ result: Campaign.Result, _ duration: Duration) -> String {
        let tally = result.tally
        return """
            \(tally.schedules) schedules in \(duration): \(tally.faults) faults (\(tally.failovers) failovers, \
            \(tally.dataLosses) losses of data), \(tally.elections) terms, \(tally.acceptedBatches) batches accepted, \
            \(tally.silentLeadersSucceeded) silent leaders succeeded, \
            \(tally.staleBatchesRefused) of older terms refused, \(tally.gaps) out of turn refused, recovery within \
            \(tally.longestElection)
            """
    }
}

extension Mutation: ExpressibleByArgument {}
extension Violation.Rule: ExpressibleByArgument {}

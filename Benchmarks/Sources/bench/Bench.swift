import ArgumentParser

/// Measures the whole of Baton, as processes on real servers, and holds each figure against its goal.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure Baton on this machine, on servers of its own.")

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case fullPass = "full-pass"
        case follower
        case handover
        case scrape
        case failover
        case cacheTools = "cache-tools"

        /// What is measured unless asked otherwise: failover takes a quarter of an hour.
        static let standard = [Part.fullPass, .follower, .handover, .scrape, .cacheTools]
    }

    @Option(
        help: ArgumentHelp(
            "Only this part, may be given several times: \(Part.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "part"))
    var only: [Part] = []

    @Option(help: "Rows of the large table.")
    var rows = 1_000_000

    @Option(help: "How often the large table is read; the medians are reported.")
    var rounds = 3

    @Option(help: "How often each event befalls a leader in the part failover.")
    var runs = 30

    @Option(
        help: ArgumentHelp(
            "Only this event in the part failover, may be given several times: "
                + Failover.Event.allCases.map(\.rawValue).joined(separator: ", ") + ".", valueName: "event"))
    var event: [Failover.Event] = []

    @Option(help: "A file for the figures, one JSON object a line.")
    var results: String?

    func validate() throws {
        guard rows >= 1000 else { throw ValidationError("--rows must be at least 1000") }
        guard rounds >= 1 else { throw ValidationError("--rounds must be at least 1") }
        guard runs >= 1 else { throw ValidationError("--runs must be at least 1") }
    }

    func run() async throws {
        let report = Report()
        for part in only.isEmpty ? Part.standard : only {
            switch part {
            case .fullPass: try await FullPass(rows: rows, rounds: rounds, report: report).run()
            case .follower: try await Follower(seconds: 30, report: report).run()
            case .handover: try await Handover(terminations: 20, kills: 5, report: report).run()
            case .scrape: try await Scrape(seconds: 20, report: report).run()
            case .cacheTools: try await CacheTools(keys: rows, rounds: rounds, report: report).run()
            case .failover:
                try await Failover(runs: runs, events: event.isEmpty ? Failover.Event.allCases : event, report: report)
                    .run()
            }
        }
        print(report.table)
        if let results { try report.write(to: results) }
        if report.figures.contains(where: { !$0.isReached }) { throw ExitCode(1) }
    }
}

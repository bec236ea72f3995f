internal import ArgumentParser
internal import Operations

/// `baton check`: what the configuration means to the servers, and what is wrong.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check the configuration, the servers and each dataset; say what is wrong and what to do.",
        discussion: """
            It writes nothing to the servers. Without problems the status is 0, with problems 1; 69 or 77 if a server can't \
            be reached or refuses, 78 if the configuration itself is wrong.

            EXAMPLES
              baton check --config config/baton.yaml
              baton check --dataset users --json
              baton check --grants
              baton check --grants --for run
              baton check --grants --only postgres | psql -d app
              baton check --grants --only redis | redis-cli
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Check this dataset only, also if it is switched off. Can be repeated.", valueName: "name"),
        completion: Completion.dataset)
    var dataset: [String] = []

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @Flag(name: .long, help: "Print the least permissions that Baton needs, for psql and redis-cli.")
    var grants = false

    @Option(name: .long, help: "With --grants: only what is for postgres, or for redis, and can be run as it is.")
    var only: Grants.Server?

    @Option(
        name: .customLong("for"),
        help: "With --grants: only what baton run needs, or only what all other commands need.")
    var purpose: Grants.Purpose?

    @Option(name: .long, help: "With --grants: who gets the permissions.")
    var role = "baton"

    func validate() throws {
        if !grants, only != nil { throw ValidationError("--only goes with --grants.") }
        if !grants, purpose != nil { throw ValidationError("--for goes with --grants.") }
        if only != nil, json { throw ValidationError("--only and --json exclude one another.") }
        if grants, !dataset.isEmpty { throw ValidationError("--grants is for all datasets that are switched on.") }
    }

    func run() async throws {
        let inspector = try options.inspector()
        if grants {
            let grants = try await inspector.grants(role: role, for: purpose)
            Output.write(json ? grants.json : only.map(grants.text(for:)) ?? grants.text)
            return
        }
        let report = try await inspector.check(datasets: dataset)
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

extension Grants.Server: ExpressibleByArgument {}
extension Grants.Purpose: ExpressibleByArgument {}

internal import ArgumentParser
internal import Operations

/// `baton plan`: what the next pass would do.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what the next pass would write and delete, without writing.",
        discussion: """
            It reads all rows and the keys that are there, and needs no lease: it may run while a leader works.

            EXAMPLES
              baton plan --config config/baton.yaml
              baton plan --dataset merchants --limit 100
              baton plan --json | jq '.datasets[] | {name, delete: .changes.delete.count}'
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Plan this dataset only, also if it is switched off. Can be repeated.", valueName: "name"),
        completion: Completion.dataset)
    var dataset: [String] = []

    @Option(name: .long, help: ArgumentHelp("List so many keys of each kind.", valueName: "count"))
    var limit = 10

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit is at least 0.") }
    }

    func run() async throws {
        let report = try await options.inspector().plan(datasets: dataset, limit: limit)
        Output.write(json ? report.json : report.text(Output.layout))
    }
}

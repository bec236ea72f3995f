internal import ArgumentParser
internal import Operations

/// `baton history`: who led when, and why that ended.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show the last elections, resignations, losses and requests, the newest last.",
        discussion: """
            Redis keeps about 10,000 events of a group.

            EXAMPLES
              baton history --config config/baton.yaml
              baton history --limit 1000 --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: ArgumentHelp("Show so many.", valueName: "count"))
    var limit = 20

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func validate() throws {
        if limit < 1 { throw ValidationError("--limit is at least 1.") }
    }

    func run() async throws {
        let history = try await options.inspector().history(limit: limit)
        Output.write(json ? history.json : history.text)
    }
}

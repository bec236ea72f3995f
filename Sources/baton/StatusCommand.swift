internal import ArgumentParser
internal import Formatting
internal import Operations

/// `baton status`: who leads.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show who leads, which replicas there are, what operators request, and how the datasets fare.",
        discussion: """
            Of each dataset it shows the last minute: how long passes took, the actual interval, and how many queries and writes \
            there were a second. It asks only the Redis of the lease, so it works from any machine with the configuration, and while PostgreSQL is \
            down. The status is 0 if somebody leads, 1 if nobody does, 69 if Redis can't be reached.

            EXAMPLES
              baton status --config config/baton.yaml
              baton status --watch
              baton status --json | jq -r .leader.name
              baton status --json | jq .lastMinute.merchants.passMilliseconds
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @Flag(name: .long, help: "Show it again every second, until interrupted.")
    var watch = false

    func run() async throws {
        let inspector = try options.inspector()
        while watch, Output.failure == nil {
            let text: String
            do {
                let report = try await inspector.status()
                text = json ? report.json : report.text(Output.layout)
            } catch {
                text = "baton: \(KeyText.harmless("\(error)"))\n"
            }
            Output.show(text)
            try await Task.sleep(for: .seconds(1))
        }
        let report = try await inspector.status()
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

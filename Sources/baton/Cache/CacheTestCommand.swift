internal import ArgumentParser
internal import Operations

/// `baton cache test`.
struct CacheTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract:
            "Say whether this is the right Redis: connection, latency, database, and how many keys each family has.",
        discussion: """
            It looks for the likely mistakes: a wrong host, port or database number, another prefix, several Redises. It changes \
            nothing. The status is 0 without problems, 1 with problems, 69 or 77 if Redis can't be reached or refuses.

            EXAMPLES
              baton cache test
              baton cache test --host redis.internal --db 2
            """)

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func run() async throws {
        let bar = ProgressBar()
        let report = try await options.tools().test(progress: bar.progress)
        bar.clear()
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

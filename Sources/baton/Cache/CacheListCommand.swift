internal import ArgumentParser
internal import Operations

/// `baton cache list`.
struct CacheListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Count the keys of each family, or show those of one.",
        discussion: """
            Without a family it counts all of them. It reads the keys with SCAN, a page at a time: a large database is not \
            disturbed. The status is 0 if there are keys, 1 if not.

            EXAMPLES
              baton cache list
              baton cache list appUsers --values
              baton cache list --pattern 'session:*' --limit 100 --json
            """)

    @Argument(
        help: ArgumentHelp("A family, by its name or template.", valueName: "family"), completion: Completion.family)
    var family: [String] = []

    @Option(name: .long, help: ArgumentHelp("Keys like this instead, such as 'user:*'.", valueName: "pattern"))
    var pattern: String?

    @Option(name: .long, help: ArgumentHelp("Show so many keys.", valueName: "count"))
    var limit = 20

    @Flag(name: .long, help: "Show the beginning of each value too.")
    var values = false

    @Option(
        name: .long, help: ArgumentHelp("Ask so many keys of each family for TTL, size and type.", valueName: "count"))
    var sample = 1000

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if limit < 0 || sample < 0 { throw ValidationError("--limit and --sample are at least 0.") }
        if json, limit > 10_000 { throw ValidationError("With --json, --limit is at most 10000.") }
        if pattern != nil, !family.isEmpty { throw ValidationError("A family or --pattern, not both.") }
    }

    func run() async throws {
        var request = CacheTools.ListRequest()
        request.families = family
        request.pattern = try pattern.map { try CachePattern($0) }
        request.limit = limit
        request.values = values
        request.sample = sample
        let bar = ProgressBar()
        let listing = try await options.tools().list(request, Output.layout, progress: bar.progress) { line in
            bar.clear()
            if !json { Output.write(line + "\n") }
        }
        bar.clear()
        Output.write(json ? listing.json : listing.summary(Output.layout, columns: Output.columns))
        if listing.status != .done { throw listing.status }
    }
}

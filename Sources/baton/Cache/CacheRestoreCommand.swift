internal import ArgumentParser
internal import Operations

/// `baton cache restore`.
struct CacheRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put the keys of a backup back, each with the TTL that it had left.",
        discussion: """
            The whole file is looked through first; a damaged one, or one of another version, changes nothing. Keys that are \
            there already stay unless --replace is given; those whose TTL has ended since are left out. A backup of another \
            Redis is put back only with --elsewhere. What Baton keeps is compared with the database at the leader's next \
            pass. The status is 0 if all keys were put back, 1 if some were not.

            EXAMPLES
              baton cache restore users.backup --dry-run
              baton cache restore users.backup
              baton cache restore users.backup --replace --yes --rate 5000
            """)

    @Argument(help: "A file that `baton cache backup` or `clear --backup` wrote.", completion: .file())
    var file: String

    @Flag(name: .long, help: "Overwrite keys that are there.")
    var replace = false

    @Flag(name: .long, help: "The backup is of another Redis, and that is meant.")
    var elsewhere = false

    @Flag(name: .long, help: "Show what would be put back, and change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Don't ask.")
    var yes = false

    @Option(name: .long, help: ArgumentHelp("Put at most so many keys a second back.", valueName: "count"))
    var rate: Int?

    @OptionGroup var who: RequesterOptions

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if file.isEmpty { throw ValidationError("The name of the file is empty.") }
        if let rate, rate < 1 { throw ValidationError("--rate is at least 1.") }
        if json, !yes, !dryRun { throw ValidationError("--json goes with --yes or --dry-run: nobody is asked.") }
    }

    func run() async throws {
        let tools = try options.tools()
        let plan = try await tools.plan(restoring: file, replaces: replace)
        if dryRun {
            Output.write(json ? plan.json : plan.text(Output.layout, columns: Output.columns))
            if plan.status != .done { throw plan.status }
            return
        }
        guard !plan.isElsewhere || elsewhere else {
            throw ValidationError(
                "\(file) is a backup of another Redis (\(plan.source)): nothing was put back. Add --elsewhere if that is "
                    + "meant.")
        }
        if let obstacle = plan.obstacle {
            Output.complain("baton: Nothing was put back. \(obstacle)")
            throw plan.status
        }
        if !yes {
            Output.write(plan.text(Output.layout, columns: Output.columns))
            guard plan.count > 0 else { throw ExitStatus.no }
            try Consent.ask("Put \(plan.count == 1 ? "this key" : "these \(plan.count) keys") back?", "put back")
        }
        Interruption.watch()
        let bar = ProgressBar()
        let report = await tools.restore(plan, rate: rate, who.requester, progress: bar.progress)
        bar.clear()
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

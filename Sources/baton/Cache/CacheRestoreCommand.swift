internal import ArgumentParser
internal import Daemon

/// `baton cache restore`.
struct CacheRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put the keys of a backup back, each with the TTL that it had left.",
        discussion: """
            The whole file is looked through first; a damaged one, or one of another version, changes nothing. Keys that are there \
            already stay unless --replace is given. What Baton keeps is compared with the database at the leader's next pass. The status is 0 if all keys \
            were put back, 1 if some were not.

            EXAMPLES
              baton cache restore users.backup
              baton cache restore users.backup --replace --rate 5000
            """)

    @Argument(help: "A file that `baton cache backup` or `clear --backup` wrote.", completion: .file())
    var file: String

    @Flag(name: .long, help: "Overwrite keys that are there.")
    var replace = false

    @Option(name: .long, help: ArgumentHelp("Put at most so many keys a second back.", valueName: "count"))
    var rate: Int?

    @Option(name: .long, help: ArgumentHelp("Why; it stands in the history.", valueName: "text"))
    var reason = ""

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if let rate, rate < 1 { throw ValidationError("--rate is at least 1.") }
    }

    func run() async throws {
        Interruption.heed()
        let bar = ProgressBar()
        let report = try await options.tools().restore(
            from: file, replaces: replace, rate: rate, .here(reason: reason), progress: bar.progress)
        bar.clear()
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

internal import ArgumentParser
internal import Operations

/// `baton cache backup`.
struct CacheBackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy keys with their values and TTLs to a file.",
        discussion: """
            The file is only for `baton cache restore`, and readable by its owner alone. It is not of one moment: keys that change \
            meanwhile are copied as they are when their turn comes.

            EXAMPLES
              baton cache backup before-migration.backup
              baton cache backup users.backup --family appUsers
              baton cache backup sessions.backup --pattern 'session:*' --host redis-1
            """)

    @Argument(help: "A file that is not there yet.", completion: .file())
    var file: String

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Only this family, by its name or template. Can be repeated.", valueName: "family"),
        completion: Completion.family)
    var family: [String] = []

    @Option(name: .long, help: ArgumentHelp("All keys like this instead, such as 'session:*'.", valueName: "pattern"))
    var pattern: String?

    @Option(name: .long, help: ArgumentHelp("Copy at most so many keys a second.", valueName: "count"))
    var rate: Int?

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if file.isEmpty { throw ValidationError("The name of the file is empty.") }
        if let rate, rate < 1 { throw ValidationError("--rate is at least 1.") }
        if pattern != nil, !family.isEmpty { throw ValidationError("A family or --pattern, not both.") }
    }

    func run() async throws {
        Interruption.watch()
        let bar = ProgressBar()
        let report = try await options.tools().backup(
            families: family, pattern: try pattern.map { try CachePattern($0) }, rate: rate, to: file,
            progress: bar.progress)
        bar.clear()
        Output.write(json ? report.json : report.text(Output.layout))
        if report.status != .done { throw report.status }
    }
}

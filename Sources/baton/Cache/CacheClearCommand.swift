internal import ArgumentParser
internal import Formatting
internal import Glibc
internal import Operations

/// `baton cache clear`.
struct CacheClearCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clear",
        abstract:
            "Clear cached keys: all of the families, those of an id or a phone number, single ones, or a pattern's.",
        discussion: """
            It shows what would go and asks. An id's clearing takes the phone key of that row too, a phone's the row that it \
            points to; both look at the families of people (those with keys for an id and a phone) unless --family says \
            otherwise. A key that Baton keeps comes back with the leader's next pass. What was cleared stands in the history.

            The status is 0 if keys were cleared (or with --dry-run would be), 1 if there was none or the answer was no, 64 if \
            nobody can be asked, 69 or 77 if Redis failed or refused on the way, 130 after Ctrl-C: what was done before is said.

            EXAMPLES
              baton cache clear phone 13800000000
              baton cache clear id 7 8 9 --family appUsers --dry-run
              baton cache clear key 'cache:appUsers:id:7'
              baton cache clear --pattern 'session:*' --yes --rate 5000
              baton cache clear all --family oaUsers --backup oaUsers.backup
            """)

    @Argument(
        help: ArgumentHelp("`all`, or `id`, `phone` or `key` with what is meant.", valueName: "what"),
        completion: .list(["all", "id", "phone", "key"]))
    var what: [String] = []

    @Option(name: .long, help: ArgumentHelp("All keys like this, such as 'session:*'.", valueName: "pattern"))
    var pattern: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Only this family, by its name or template. Can be repeated.", valueName: "family"),
        completion: Completion.family)
    var family: [String] = []

    @Flag(name: .long, help: "Show what would go, and clear nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Don't ask.")
    var yes = false

    @Flag(name: .long, help: "A pattern that matches everything is really meant.")
    var everything = false

    @Option(
        name: .long, help: ArgumentHelp("Copy each key to this file before it is cleared.", valueName: "file"),
        completion: .file())
    var backup: String?

    @Option(name: .long, help: ArgumentHelp("Clear at most so many keys a second.", valueName: "count"))
    var rate: Int?

    @Flag(name: .long, help: "Show the beginning of each single key's value too.")
    var values = false

    @OptionGroup var who: RequesterOptions

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    @OptionGroup var options: CacheOptions

    func validate() throws {
        if backup?.isEmpty == true { throw ValidationError("The name of the file for --backup is empty.") }
        if let rate, rate < 1 { throw ValidationError("--rate is at least 1.") }
        if pattern != nil, !family.isEmpty { throw ValidationError("A family or --pattern, not both.") }
        if json, !yes, !dryRun { throw ValidationError("--json goes with --yes or --dry-run: nobody is asked.") }
        _ = try subject()
    }

    private func subject() throws -> ClearRequest.Subject {
        if self.pattern != nil {
            guard what.isEmpty else { throw ValidationError("--pattern or `\(what[0])`, not both.") }
            let pattern: CachePattern
            do {
                pattern = try CachePattern(self.pattern ?? "")
            } catch {
                throw ValidationError("\(error)")
            }
            if pattern.matchesEverything, !everything {
                throw ValidationError(
                    "This pattern matches every key of the database, also those of other applications. If that is meant, add "
                        + "--everything; for the keys of the families: `baton cache clear all`.")
            }
            return .pattern(pattern)
        }
        let given = Array(what.dropFirst())
        switch what.first {
        case "all":
            guard given.isEmpty else { throw ValidationError("`all` stands alone; for one family: all --family NAME.") }
            return .all
        case "id", "phone", "key":
            guard !given.isEmpty, !given.contains("") else {
                throw ValidationError("Say which: baton cache clear \(what[0]) VALUE…")
            }
            switch what[0] {
            case "id": return .ids(given)
            case "phone": return .phones(given)
            default: return .keys(given.map { KeyText.bytes($0) })
            }
        case let word?: throw ValidationError("`\(word)` is none of `all`, `id`, `phone`, `key`.")
        case nil: throw ValidationError("Say what: all, id N…, phone P…, key K…, or --pattern P.")
        }
    }

    func run() async throws {
        let tools = try options.tools()
        var request = ClearRequest(try subject(), requester: who.requester)
        request.values = values
        request.families = family
        request.rate = rate
        request.backup = backup
        let bar = ProgressBar()
        let plan = try await tools.plan(request, counts: dryRun || !yes, progress: bar.progress)
        bar.clear()
        if dryRun {
            Output.write(json ? plan.json : plan.text(Output.layout, columns: Output.columns))
            if plan.status != .done { throw plan.status }
            return
        }
        if !yes {
            Output.write(plan.text(Output.layout, columns: Output.columns))
            let count = plan.count ?? 0
            if count != 0 {
                try Consent.ask("Clear \(count == 1 ? "this key" : "these \(count) keys")?", "cleared")
            } else if !plan.mayHeal {
                throw ExitStatus.no
            }
        }
        Interruption.watch()
        let report = await tools.clear(plan, progress: bar.progress)
        bar.clear()
        if yes, !json { Output.write(plan.remarkText(Output.layout)) }
        Output.write(json ? report.json : report.text(Output.layout, columns: Output.columns))
        if report.status != .done { throw report.status }
    }
}

internal import ArgumentParser
internal import Glibc
internal import Operations

/// `baton fsck`: looks at the group's own keys, and mends them.
struct FsckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck",
        abstract: "Check the group's own keys in Redis: types, forms, TTLs; mend them if told to.",
        discussion: """
            Without --repair it changes nothing. The status is 0 without faults or when all were mended, 1 if faults remain.

            EXAMPLES
              baton fsck --config config/baton.yaml
              baton fsck --repair
              baton fsck --repair --yes
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(name: .long, help: "Mend what can be mended, after asking.")
    var repair = false

    @Flag(name: .long, help: "With --repair: don't ask.")
    var yes = false

    func validate() throws {
        if yes, !repair { throw ValidationError("--yes goes with --repair.") }
    }

    func run() async throws {
        let inspector = try options.inspector()
        let found = try await inspector.checkKeys()
        Output.write(found.text(Output.layout))
        guard repair, !found.repairable.isEmpty else {
            if found.status != .done { throw found.status }
            return
        }
        let count = found.repairable.count
        let question = "Mend \(count == 1 ? "this fault" : "these \(count) faults")?"
        if !yes {
            do { try Consent.ask(question, "changed") } catch { throw found.status }
        }
        try await inspector.repair(found.repairable)
        let after = try await inspector.checkKeys()
        Output.write("\nAfter the repair:\n\n" + after.text(Output.layout))
        if after.status != .done { throw after.status }
    }
}

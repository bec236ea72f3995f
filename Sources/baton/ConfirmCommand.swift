internal import ArgumentParser
internal import Operations

/// `baton confirm`: lets the brake go.
struct ConfirmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Confirm deletions that the brake holds.",
        discussion: """
            The brake holds deletions when a pass would delete more than half of a dataset's keys, and more than ten. \
            `baton plan` lists them. The request is left in Redis, where the leader finds it.

            EXAMPLES
              baton plan --dataset merchants
              baton confirm merchants --config config/baton.yaml
            """)

    @Argument(
        help: ArgumentHelp("The dataset whose deletions are right.", valueName: "dataset"),
        completion: Completion.dataset)
    var dataset: String

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        Output.write(try await options.inspector().confirm(dataset: dataset).text)
    }
}

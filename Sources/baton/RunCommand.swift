internal import ArgumentParser
internal import Daemon
internal import GroupState

/// `baton run`: one replica, until it is told to stop.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run one replica: follow, lead when elected, refresh while leading.",
        discussion: """
            SIGTERM and SIGINT end it in order: the lease is given up, and a follower takes over at once. SIGHUP reads the \
            configuration again and exchanges the datasets and the secrets; a file with mistakes changes nothing.

            EXAMPLES
              baton run --config config/baton.yaml
              BATON_DATASETS_USERS_ENABLED=true baton run --config config/baton.yaml
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(name: .long, help: "The name under which this replica appears. (default: $HOSTNAME, else the host's name)")
    var replica: String?

    func validate() throws {
        if replica?.unicodeScalars.allSatisfy(\.properties.isWhitespace) == true {
            throw ValidationError("--replica is empty. Leave it out for the host's name.")
        }
        let longest = KeptNote.longestName
        if let replica, replica.utf8.count > longest {
            throw ValidationError("--replica has more than \(longest) bytes. Give a shorter name.")
        }
        if replica == nil, (Environment.variables["HOSTNAME"] ?? "").utf8.count > longest {
            throw ValidationError("$HOSTNAME has more than \(longest) bytes. Give a shorter name with --replica.")
        }
    }

    func run() async throws {
        try await Replica(
            configurationPath: options.config, environment: Environment.variables, name: replica,
            commit: BuildInfo.commit
        ).run()
    }
}

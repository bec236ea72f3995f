internal import ArgumentParser
internal import Formatting
internal import Glibc
internal import Operations

/// The options of all requests.
struct RequestOptions: ParsableArguments {
    @OptionGroup var options: ConfigurationOptions

    @OptionGroup private var who: RequesterOptions

    var requester: Requester { who.requester }

    static let progress = RequestProgress { Output.write($0 + "\n") }
}

/// A span of time as the configuration writes it.
struct Span: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = DurationText.parse(argument) else { return nil }
        self.duration = duration
    }

    init(_ duration: Duration) { self.duration = duration }

    var defaultValueDescription: String { DurationText.render(duration) }
}

/// `baton step-down`: a planned handover.
struct StepDownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step-down",
        abstract: "Make the leader resign, so that another replica is elected.",
        discussion: """
            The old leader stays, as a follower, and leaves the lease to others for one TTL. Asking twice does no harm. The \
            status is 0 when it is done, 1 if it is refused, 69 if Redis can't be reached, 75 if with --wait nobody else was \
            elected in time.

            EXAMPLES
              baton step-down --wait --reason 'moving the node'
              baton step-down --to baton-2 --wait
            """)

    @OptionGroup var request: RequestOptions

    @Option(name: .long, help: ArgumentHelp("The replica that is to lead next.", valueName: "replica"))
    var to: String?

    @Flag(name: .long, help: "Wait until another replica leads.")
    var wait = false

    @Option(name: .long, help: ArgumentHelp("How long to wait.", valueName: "time"))
    var timeout = Span(.seconds(10))

    func run() async throws {
        let status = try await request.options.inspector().stepDown(
            for: to, request.requester, patience: wait ? timeout.duration : nil, RequestOptions.progress)
        if status != .done { throw status }
    }
}

/// `baton pause`: nothing is written for a while.
struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Let the group write nothing for a while, such as during maintenance.",
        discussion: """
            Whoever leads goes on leading, finishes the passes that have begun, and begins no other; a successor keeps the pause \
            too. A pause always ends by itself; another one replaces it. The status is 0 as soon as nothing is written any more, \
            75 if passes still went on after the time to wait.

            EXAMPLES
              baton pause --for 30m --reason 'restoring the database'
              baton resume
            """)

    @OptionGroup var request: RequestOptions

    @Option(name: .customLong("for"), help: ArgumentHelp("How long.", valueName: "time"))
    var span = Span(.seconds(600))

    @Option(name: .long, help: ArgumentHelp("How long to wait for passes that have begun.", valueName: "time"))
    var timeout = Span(.seconds(30))

    func validate() throws {
        guard span.duration >= .seconds(1), span.duration <= .seconds(7 * 86400) else {
            throw ValidationError("--for is between 1s and 168h: a pause that is forgotten lets the cache grow stale.")
        }
    }

    func run() async throws {
        let status = try await request.options.inspector().pause(
            for: span.duration, request.requester, patience: timeout.duration, RequestOptions.progress)
        if status != .done { throw status }
    }
}

/// `baton resume`: ends a pause.
struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "End a pause before its time.",
        discussion: """
            EXAMPLES
              baton resume --reason 'the database is back'
            """)

    @OptionGroup var request: RequestOptions

    func run() async throws {
        let status = try await request.options.inspector().resume(request.requester, RequestOptions.progress)
        if status != .done { throw status }
    }
}

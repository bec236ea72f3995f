internal import ArgumentParser
internal import Faults
internal import Glibc

/// `baton-torture`: three real replicas, a real Redis, and one fault after the other.
@main
struct BatonTorture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton-torture",
        abstract: "Plays random faults on three replicas with real servers, and says whether a promise was broken.",
        discussion: """
            The seed decides which faults come, in which order and for how long. Without a violation the status is 0, with \
            one it is 1.

            EXAMPLES
              baton-torture --for 10m --seed 42
            """)

    @Option(name: .customLong("for"), help: "How long: a number with s, m or h.")
    var length: Length

    @Option(name: .long, help: "Play the faults of this seed; without it a new one is taken.")
    var seed: UInt64 = .random(in: 1...999_999)

    @Option(name: .long, help: "The program to run; without it the baton beside this one.")
    var baton: String?

    @Flag(name: .long, help: "Give each replica a network namespace of its own, whose link is cut (as root).")
    var namespaces = false

    func run() async throws {
        if namespaces, await !Namespace.isPossible() {
            throw ValidationError(
                "--namespaces needs root, the program ip, and a kernel that makes network namespaces.")
        }
        var options = Cluster.Options()
        if let baton { options.program = baton }
        options.inNamespaces = namespaces
        options.busyRows = 3000
        let command = "baton-torture --seed \(seed) --for \(length)\(namespaces ? " --namespaces" : "")"
        say(command)
        let verdict: Verdict
        do {
            verdict = try await Torture(seed: seed, length: length.duration, options: options).run(say)
        } catch {
            say("\(error)\nFAILED; to repeat: \(command)")
            throw ExitCode.failure
        }
        say("\n" + verdict.report())
        guard verdict.violations.isEmpty else {
            say("to repeat: \(command)")
            throw ExitCode.failure
        }
        say("no promise was broken")
    }
}

/// A length such as `90s`, `10m` or `1h`.
struct Length: ExpressibleByArgument, CustomStringConvertible {
    let description: String
    let duration: Duration

    init?(argument: String) {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
        guard let unit = argument.last.flatMap({ units[$0] }), let number = Int(argument.dropLast()), number > 0
        else { return nil }
        description = argument
        duration = .seconds(number * unit)
    }
}

private func say(_ line: String) {
    print(line)
    fflush(nil)
}

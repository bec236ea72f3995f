internal import ArgumentParser
internal import Operations
internal import PostgresClient
internal import StatusServer

/// `baton`: the command line.
@main
struct Baton: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baton",
        abstract:
            "Keeps a Redis cache equal to what PostgreSQL says, from replicas of which exactly one works at a time.",
        discussion: """
            A new configuration goes through check (what is wrong with it), check --grants (what it needs to be allowed), \
            plan (what it would do) and run. status says who leads, step-down hands over. What is asked for comes on the standard output, logs and errors on the \
            standard error. The exit status is listed in docs/commands.md. For completions in the shell: \
            --generate-completion-script bash, zsh or fish.

            EXAMPLES
              baton demo
              baton check --config config/baton.yaml
              baton run --config config/baton.yaml
              source <(baton --generate-completion-script bash)
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, CheckCommand.self, PlanCommand.self, ConfirmCommand.self, StatusCommand.self,
            HistoryCommand.self, StepDownCommand.self, PauseCommand.self, ResumeCommand.self, FsckCommand.self,
            CacheCommand.self, DemoCommand.self,
        ])

    static func main() async {
        let status = await status()
        await PostgresConnection.cancellationsEnded(within: .milliseconds(250))
        if let failure = Output.failure {
            Output.complain("baton: The output could not be written: \(failure).")
            exit(withError: ExitCode(ExitStatus.outputFailed.rawValue))
        }
        exit(withError: ExitCode(status))
    }

    /// Runs the command that the command line asks for.
    private static func status() async -> Int32 {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitStatus.done.rawValue
        } catch let status as ExitStatus {
            return status.rawValue
        } catch {
            // Those of the parser are help, the version, and what is wrong with the command line.
            guard isOfParser(error) else {
                Output.complain("baton: \(error)")
                return ExitStatus(ending: error).rawValue
            }
            let (code, text) = (exitCode(for: error), fullMessage(for: error))
            if !text.isEmpty { code == .success ? Output.write(text + "\n") : Output.complain(text) }
            return code.rawValue
        }
    }

    private static func isOfParser(_ error: any Error) -> Bool {
        error is ExitCode || error is ValidationError || error is CleanExit
            || [0, ExitCode.validationFailure.rawValue].contains(exitCode(for: error).rawValue)
    }
}

/// A command may end by throwing the status that its answer has.
extension ExitStatus: Error {}

extension ExitStatus {
    /// The status for an error that ends a command.
    fileprivate init(ending error: any Error) {
        switch (error as? ListenError)?.reason {
        case .inUse: self = .unavailable
        case .notAllowed: self = .refused
        case .noSuchAddress: self = .configuration
        case nil: self.init(error)
        }
    }
}

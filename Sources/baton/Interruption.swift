internal import Glibc
internal import Synchronization

/// Work that can't be undone ends in order when somebody presses Ctrl-C, and says what was done.
enum Interruption {
    /// Whether the process was asked to end.
    static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// Lets the first SIGINT or SIGTERM only set ``isRequested``, from now on. A second one ends the process at once.
    static func watch() {
        var action = sigaction()
        // Only what is allowed in a signal handler.
        action.__sigaction_handler.sa_handler = { _ in
            requested.store(true, ordering: .relaxed)
            for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
        }
        action.sa_flags = SA_RESTART
        for number in [SIGINT, SIGTERM] { sigaction(number, &action, nil) }
    }
}

private let requested = Atomic(false)

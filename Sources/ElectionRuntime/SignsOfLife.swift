internal import Synchronization

/// When the servers that the work of one term needs gave their last sign of life, and since when they were asked for
/// one.
///
/// A pass that takes long is no bad sign, as long as rows come in or batches are answered; nor is a server that says
/// nothing while nobody asks it.
package final class SignsOfLife: Sendable {
    package typealias Instant = ContinuousClock.Instant

    private struct State {
        var lastSigns: [String: Instant] = [:]
        /// Since when each dataset has tried without success, and which servers it needs, by the dataset's name.
        var attempts: [String: (since: Instant, servers: [String])] = [:]
    }

    /// How PostgreSQL is called among the servers; the others bear their names in the configuration.
    package static let postgres = "postgres"

    private let state = Mutex(State())

    package init() {}

    /// A pass of a dataset begins, which needs PostgreSQL and this target.
    package func passBegan(_ dataset: String, target: String, at now: Instant = .now) {
        state.withLock { state in
            if state.attempts[dataset] == nil { state.attempts[dataset] = (now, [Self.postgres, target]) }
        }
    }

    /// A pass of the dataset succeeded, or it is not refreshed any more.
    package func passSucceeded(_ dataset: String) { state.withLock { $0.attempts[dataset] = nil } }

    /// Something came from a server.
    package func heard(_ server: String, at now: Instant = .now) { state.withLock { $0.lastSigns[server] = now } }

    /// The servers that were asked for something and are silent, by their names, each with the instant since when.
    var silences: [String: Instant] {
        state.withLock { state in
            var silences: [String: Instant] = [:]
            for (since, servers) in state.attempts.values {
                for server in servers {
                    let start = max(since, state.lastSigns[server] ?? since)
                    silences[server] = min(start, silences[server] ?? start)
                }
            }
            return silences
        }
    }
}

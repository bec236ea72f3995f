package import ElectionRuntime
internal import LeaderElection
internal import Synchronization
package import Telemetry

/// What `/metrics` serves: what was counted, and what is found out when somebody asks, so that nothing of it can be
/// outdated.
package final class ReplicaMetrics: Sendable {
    package let registry = PrometheusRegistry()
    private let state = Mutex(State())

    private struct State {
        var term: LeadershipTerm?
        /// By the name of the server and the purpose.
        var connections: [(redis: String, purpose: String, isOpen: @Sendable () -> Bool)] = []
    }

    /// - Parameters:
    ///   - version: of Baton.
    ///   - commit: that it was built from.
    package init(version: String, commit: String) {
        registry.collect { ProcessMetrics.samples }
        registry.collect {
            [.init(family: .buildInfo, labels: [("version", version), ("commit", commit)], value: 1)]
        }
        registry.collect { [weak self] in self?.samples ?? [] }
    }

    /// This replica leads. The term takes the place of the one before.
    package func watch(_ term: LeadershipTerm) { state.withLock { $0.term = term } }

    /// - Parameter purpose: `lease` or `data`.
    package func watch(_ redis: String, purpose: String, isOpen: @escaping @Sendable () -> Bool) {
        state.withLock { $0.connections.append((redis, purpose, isOpen)) }
    }

    /// The page that says it.
    package var routes: HTTPRoutes {
        [
            "/metrics": { [registry] in
                HTTPAnswer(contentType: PrometheusText.contentType, body: registry.text)
            }
        ]
    }

    /// Asks the term itself, which knows by the clock that it is over, even if nothing else of the process runs.
    private var samples: [PrometheusRegistry.Sample] {
        let (term, connections) = state.withLock { ($0.term, $0.connections) }
        let remaining = term?.remaining() ?? .zero
        let leads = remaining > .zero
        var samples: [PrometheusRegistry.Sample] = [
            .init(family: .isLeader, value: leads ? 1 : 0),
            .init(family: .epoch, value: leads ? Double(term?.epoch.number ?? 0) : 0),
            .init(family: .leaseRemaining, value: remaining / .seconds(1)),
        ]
        for connection in connections {
            samples.append(
                .init(
                    family: .redisConnected,
                    labels: [("redis", connection.redis), ("purpose", connection.purpose)],
                    value: connection.isOpen() ? 1 : 0))
        }
        return samples
    }
}

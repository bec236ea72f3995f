package import CoreMetrics
package import ElectionRuntime
internal import LeaderElection
internal import Synchronization
package import Telemetry

/// The metrics that `/metrics` serves: those that were counted, and those that are found out when somebody asks, so
/// that none of them can be outdated.
package final class ReplicaMetrics: Sendable {
    package let registry = PrometheusRegistry()
    private let state = Mutex(State())

    private struct State {
        /// The last of each group.
        var terms: [String: LeadershipTerm] = [:]
        var connections: [Connection] = []
    }

    private struct Connection {
        let group: String
        let redis: String
        let purpose: String
        let isOpen: @Sendable () -> Bool
    }

    private let groups: [String]

    /// - Parameters:
    ///   - groups: the names of those that the replica takes part in.
    ///   - version: the version of Baton.
    ///   - commit: the commit that it was built from.
    package init(groups: [String], version: String, commit: String) {
        self.groups = groups
        registry.collect { ProcessMetrics.samples }
        registry.collect {
            [.init(family: .buildInfo, labels: [("version", version), ("commit", commit)], value: 1)]
        }
        registry.collect { [weak self] in self?.samples ?? [] }
    }

    /// Where what is done for a group is counted.
    package func factory(for group: String) -> any MetricsFactory {
        LabelledMetrics(registry, labels: [("group", group)])
    }

    /// This replica leads the group. The term takes the place of the one before.
    package func watch(_ term: LeadershipTerm, of group: String) { state.withLock { $0.terms[group] = term } }

    /// - Parameters:
    ///   - redis: the name of the server.
    ///   - purpose: `lease` or `data`.
    package func watch(_ redis: String, of group: String, purpose: String, isOpen: @escaping @Sendable () -> Bool) {
        state.withLock {
            $0.connections.append(Connection(group: group, redis: redis, purpose: purpose, isOpen: isOpen))
        }
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
        let (terms, connections) = state.withLock { ($0.terms, $0.connections) }
        var samples: [PrometheusRegistry.Sample] = []
        for group in groups {
            let labels = [("group", group)]
            let term = terms[group]
            let remaining = term?.remaining() ?? .zero
            let leads = remaining > .zero
            samples += [
                .init(family: .isLeader, labels: labels, value: leads ? 1 : 0),
                .init(family: .epoch, labels: labels, value: leads ? Double(term?.epoch.number ?? 0) : 0),
                .init(family: .leaseRemaining, labels: labels, value: remaining / .seconds(1)),
            ]
        }
        return samples
            + connections.map { connection in
                .init(
                    family: .redisConnected,
                    labels: [
                        ("group", connection.group), ("redis", connection.redis), ("purpose", connection.purpose),
                    ],
                    value: connection.isOpen() ? 1 : 0)
            }
    }
}

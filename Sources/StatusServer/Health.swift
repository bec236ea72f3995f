package import ElectionRuntime
internal import Formatting
internal import NIOHTTP1
internal import Synchronization

/// The health of a replica, for those who watch it: whether it makes progress, and whether it has what it needs.
package final class Health: Sendable {
    private let groups: [GroupHealth]
    private let watchdog = Mutex<Watchdog?>(nil)

    package init(_ groups: [GroupHealth]) {
        self.groups = groups
    }

    /// Lets the replica be as alive as what this one watches, from now on.
    package func watch(by watchdog: Watchdog) { self.watchdog.withLock { $0 = watchdog } }

    /// The pages that say it.
    package var routes: HTTPRoutes { ["/healthz": { self.liveness() }, "/readyz": { self.readiness() }] }

    /// Whether every loop answers. One that does not is helped by nothing but a restart.
    func liveness(at now: ContinuousClock.Instant = .now) -> HTTPAnswer {
        let report = watchdog.withLock { $0 }?.report(at: now) ?? Watchdog.Report(ages: [], hanging: [])
        let ages = report.ages.map { JSONText.Member(name: $0.name, value: .number(Int($0.age / .milliseconds(1)))) }
        return HTTPAnswer(
            status: report.hanging.isEmpty ? .ok : .serviceUnavailable,
            json: .fields([
                "status": report.hanging.isEmpty ? "ok" : "hangs", "hanging": .texts(report.hanging),
                "heartbeatAgeMilliseconds": .object(ages),
            ]))
    }

    /// Whether the replica could lead each of its groups.
    package func readiness() -> HTTPAnswer {
        var missing: [String] = []
        var groups: [JSONText.Member] = []
        for group in self.groups {
            let ofGroup = group.missing
            missing += ofGroup.filter { !missing.contains($0) }
            groups.append(.init(name: group.name, value: .object(Self.members(ofGroup))))
        }
        return HTTPAnswer(
            status: missing.isEmpty ? .ok : .serviceUnavailable,
            json: .object(Self.members(missing) + [.init(name: "groups", value: .object(groups))]))
    }

    private static func members(_ missing: [String]) -> [JSONText.Member] {
        [
            .init(name: "status", value: .text(missing.isEmpty ? "ready" : "not ready")),
            .init(name: "waitingFor", value: .texts(missing)),
        ]
    }
}

/// The health of a replica in one group: what it has of all that it needs to lead.
package final class GroupHealth: Sendable {
    package let name: String

    private struct State {
        var hasIdentifiedPostgres = false
        var election: (@Sendable () -> ElectionStatus)?
    }

    private let state = Mutex(State())

    /// - Parameter name: the group's name.
    package init(_ name: String) {
        self.name = name
    }

    package func identifiedPostgres() { state.withLock { $0.hasIdentifiedPostgres = true } }

    /// - Parameter status: is asked at every probe, from any thread.
    package func joinedElection(_ status: @escaping @Sendable () -> ElectionStatus) {
        state.withLock { $0.election = status }
    }

    /// What keeps the replica from leading if it were elected; empty if PostgreSQL has said who it is, the lease's Redis
    /// answers, nothing keeps the replica from competing, such as another deployment's lease, and if it leads, or the
    /// leader cannot work, it reaches everything that the work needs.
    var missing: [String] {
        let (hasIdentifiedPostgres, election) = state.withLock { ($0.hasIdentifiedPostgres, $0.election) }
        let status = election?()
        var missing: [String] = []
        if !hasIdentifiedPostgres { missing.append(SignsOfLife.postgres) }
        missing += (status?.missing ?? []).filter { !missing.contains($0) }
        if !(status?.hasAnswer ?? false) || status?.problem != nil { missing.append("lease") }
        return missing
    }
}

extension HTTPAnswer {
    fileprivate init(status: HTTPResponseStatus, json: JSONText) {
        self.init(status: status, contentType: "application/json", body: json.rendered + "\n")
    }
}

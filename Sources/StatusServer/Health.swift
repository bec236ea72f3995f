package import ElectionRuntime
internal import Formatting
internal import NIOHTTP1
internal import Synchronization

/// What a replica says of itself to those who watch it: whether it makes progress, and whether it has what it needs.
package final class Health: Sendable {
    private struct State {
        var watchdog: Watchdog?
        var hasIdentifiedPostgres = false
        var election: (@Sendable () -> ElectionStatus)?
    }

    private let state = Mutex(State())

    package init() {}

    /// From now on the replica is as alive as what this one watches.
    package func watch(by watchdog: Watchdog) { state.withLock { $0.watchdog = watchdog } }

    package func identifiedPostgres() { state.withLock { $0.hasIdentifiedPostgres = true } }

    /// - Parameter status: is asked at every probe, from any thread.
    package func joinedElection(_ status: @escaping @Sendable () -> ElectionStatus) {
        state.withLock { $0.election = status }
    }

    /// The pages that say it.
    package var routes: HTTPRoutes { ["/healthz": { self.liveness() }, "/readyz": { self.readiness() }] }

    /// Whether every loop answers. One that does not is helped by nothing but a restart.
    func liveness(at now: ContinuousClock.Instant = .now) -> HTTPAnswer {
        let report = state.withLock { $0.watchdog }?.report(at: now) ?? Watchdog.Report(ages: [], hanging: [])
        let ages = report.ages.map { JSONText.Member(name: $0.name, value: .number(Int($0.age / .milliseconds(1)))) }
        return HTTPAnswer(
            status: report.hanging.isEmpty ? .ok : .serviceUnavailable,
            json: .fields([
                "status": report.hanging.isEmpty ? "ok" : "hangs", "hanging": .texts(report.hanging),
                "heartbeatAgeMilliseconds": .object(ages),
            ]))
    }

    /// Whether the replica could lead if it were elected: PostgreSQL has said who it is, the lease's Redis answers,
    /// nothing keeps the replica from competing, such as another deployment's lease, and if it leads, or the leader
    /// cannot work, it reaches everything that the work needs.
    func readiness() -> HTTPAnswer {
        let (hasIdentifiedPostgres, election) = state.withLock { ($0.hasIdentifiedPostgres, $0.election) }
        let status = election?()
        var missing: [String] = []
        if !hasIdentifiedPostgres { missing.append(SignsOfLife.postgres) }
        missing += (status?.missing ?? []).filter { !missing.contains($0) }
        if !(status?.hasAnswer ?? false) || status?.problem != nil { missing.append("lease") }
        return HTTPAnswer(
            status: missing.isEmpty ? .ok : .serviceUnavailable,
            json: .fields(["status": missing.isEmpty ? "ready" : "not ready", "waitingFor": .texts(missing)]))
    }
}

extension HTTPAnswer {
    fileprivate init(status: HTTPResponseStatus, json: JSONText) {
        self.init(status: status, contentType: "application/json", body: json.rendered + "\n")
    }
}

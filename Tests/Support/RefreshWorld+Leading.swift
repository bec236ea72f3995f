internal import BatonConfiguration
package import CacheRefresh
package import ElectionRuntime
internal import RedisClient
package import RefreshRuntime
package import Telemetry

extension RefreshWorld {
    /// Runs `body` while a service leads, with what it counts.
    ///
    /// - Parameter body: gets the service, its term, and the value of each series by its name and labels.
    /// - Returns: what was counted, when the service has ended.
    @discardableResult
    package func whileLeading(
        _ datasets: [Dataset],
        _ body: (RefreshService, LeadershipTerm, @escaping (String) -> Double?) async throws -> Void
    ) async throws -> PrometheusRegistry {
        let registry = PrometheusRegistry()
        let service = RefreshService(
            configuration: try configuration(datasets), keys: keys, deployment: "test",
            redis: ["main": try makeClient()],
            logger: Self.quiet, metrics: registry)
        let term = try await elect()
        let task = Task { await service.lead(term) }
        do {
            try await body(service, term) { registry.value($0) }
        } catch {
            task.cancel()
            throw error
        }
        task.cancel()
        await task.value
        return registry
    }
}

package import BatonConfiguration
internal import CacheRefresh
internal import DatasetReading
internal import Formatting
internal import PostgresClient
internal import RedisClient

/// Looks at the servers of a configuration, on behalf of somebody at a terminal. It changes nothing but where it says
/// so.
package struct Inspector: Sendable {
    let configuration: Configuration
    /// The file's path as it was opened, for the report.
    let path: String

    package init(_ configuration: Configuration, path: String) {
        self.configuration = configuration
        self.path = path
    }

    /// The datasets to look at: those that are named, also if they are switched off, else all that are switched on.
    ///
    /// - Throws: ``InspectionError`` for a name that is not in the configuration.
    func datasets(named names: [String]) throws(InspectionError) -> [Dataset] {
        guard !names.isEmpty else { return configuration.enabledDatasets }
        for name in names where !configuration.datasets.contains(where: { $0.name == name }) {
            let known = configuration.datasets.map(\.name)
            throw InspectionError(
                .usage, "There is no dataset \(name.quoted). \(Wording.sentence(for: name, among: known))")
        }
        return configuration.datasets.filter { names.contains($0.name) }
    }

    // MARK: Servers

    func connectToPostgres() async throws(PostgresError) -> PostgresConnection {
        var settings = configuration.postgresConfiguration
        settings.applicationName = "baton-inspection"
        return try await PostgresConnection.connect(settings)
    }

    /// A client for a Redis of the configuration, closed when `body` has ended.
    ///
    /// - Parameter anyServer: as of ``RedisClient/brief(_:anyServer:_:)``.
    func withRedis<Result>(
        _ name: String, anyServer: Bool = false, _ body: (RedisClient) async throws -> Result
    ) async throws -> Result {
        guard let server = configuration.redis[name] else {
            throw InspectionError(.configuration, "There is no redis \(name.quoted) in the configuration.")
        }
        var settings = server.clientConfiguration(name: "baton-inspection")
        // A person can wait longer than a leader.
        settings.connectTimeout = .seconds(5)
        settings.commandTimeout = .seconds(10)
        return try await RedisClient.brief(settings, anyServer: anyServer, body)
    }
}

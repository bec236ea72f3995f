package import PostgresClient

/// The identity of a PostgreSQL server and database: a lease of another one says nothing here.
package struct ServerIdentity: Hashable, Sendable {
    /// The system identifier as `pg_controldata` shows it; the same on a primary and its standbys.
    package let systemIdentifier: String
    package let database: String

    package static func read(from connection: PostgresConnection) async throws(PostgresError) -> ServerIdentity {
        let rows = try await connection.query(
            "select (select system_identifier from pg_control_system()), current_database()")
        return ServerIdentity(systemIdentifier: rows.first?[0] ?? "", database: rows.first?[1] ?? "")
    }

    /// The part of the deployment that the server makes up: the lease of a group is bound to it. No more of the
    /// server's history belongs to it: a promoted standby goes on with the same data.
    package var deployment: String { "\(systemIdentifier)/\(database)" }
}

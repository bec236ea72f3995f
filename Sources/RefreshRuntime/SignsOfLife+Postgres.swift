package import ElectionRuntime
internal import PostgresClient

extension SignsOfLife {
    /// It failed. What PostgreSQL says of a statement shows that it works.
    package func passFailed(_ error: any Error, at now: Instant = .now) {
        guard let state = (error as? PostgresError)?.sqlState, !Self.ofConnections.contains(String(state.prefix(2)))
        else { return }
        heard(Self.postgres, at: now)
    }

    /// The kinds of SQLSTATE that say of a server that it is not to be used: no connection, not let in, no such
    /// database, no room, going down.
    private static let ofConnections: Set<String> = ["08", "28", "3D", "53", "57"]
}

internal import CacheRefresh
internal import PostgresClient

/// What a database looked like when a pass read it: enough to tell later whether anything can have changed since.
struct Snapshot: Hashable, Sendable {
    /// Position of the write-ahead log, read *before* the snapshot was taken. On a standby the replayed position.
    var walPosition: String
    /// `pg_snapshot_xmin`: all transactions before this one had ended.
    var horizon: UInt64
    /// No transaction was running that the snapshot could have missed.
    var isQuiet: Bool

    static func walPosition(on connection: PostgresConnection) async throws(PostgresError) -> String {
        try await connection.query("select \(walFunction)").first?[0] ?? ""
    }

    /// Takes the transaction's snapshot.
    static func take(
        on connection: PostgresConnection, walPosition: String
    ) async throws(PostgresError) -> Snapshot {
        let row = try await connection.query(
            """
            select pg_snapshot_xmin(pg_current_snapshot()),
                   age(pg_snapshot_xmin(pg_current_snapshot())::xid) = 0
            """
        ).first
        return Snapshot(
            walPosition: walPosition, horizon: row?[0].flatMap { UInt64($0) } ?? 0, isQuiet: row?[1] == "t")
    }

    /// The gate: one cheap query that tells whether another read could find anything new.
    ///
    /// Nothing can, if no record was written to the log since before the snapshot, and neither then nor now any
    /// transaction was under way: a commit writes its record first and becomes visible a moment later.
    func isStillCurrent(on connection: PostgresConnection) async throws(PostgresError) -> Bool {
        guard isQuiet else { return false }
        let row = try await connection.query(
            "select \(Self.walFunction), age(pg_snapshot_xmin(pg_current_snapshot())::xid) = 0"
        ).first
        return row?[0] == walPosition && row?[1] == "t"
    }

    private static let walFunction =
        "case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end"
}

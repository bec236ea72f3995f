internal import BatonConfiguration
package import CacheRefresh
internal import Formatting
package import PostgresClient

/// A transaction that has written something and goes on. While it does, nobody can tell that nothing has changed: the
/// gate stays open, and each tick reads all rows.
package struct OpenTransaction: Hashable, Sendable {
    enum Owner: Hashable, Sendable {
        case process(pid: String)
        /// Left by `PREPARE TRANSACTION`, under this name.
        case prepared(gid: String)
    }

    let owner: Owner
    let database: String
    /// How long it has been open; nil where the user may not know.
    package let age: Duration?

    /// Looks for a transaction by its id, in all databases of the server. It takes no special right.
    ///
    /// - Parameter id: nil for the oldest one that is open now.
    /// - Returns: nil if there is none; on a standby those of the primary are not to be seen.
    package static func find(
        _ id: UInt64? = nil, on connection: PostgresConnection
    ) async throws(PostgresError) -> OpenTransaction? {
        let row = try await connection.query(
            """
            with wanted (id) as (select coalesce($1::xid8, pg_snapshot_xmin(pg_current_snapshot()))::xid)
            select l.pid, a.datname, extract(epoch from clock_timestamp() - a.xact_start)::bigint, null
            from wanted join pg_locks l on l.locktype = 'transactionid' and l.transactionid = wanted.id
            left join pg_stat_activity a on a.pid = l.pid
            where l.granted and l.mode = 'ExclusiveLock' and l.pid <> 0
            union all
            select null, p.database, extract(epoch from clock_timestamp() - p.prepared)::bigint, p.gid
            from wanted join pg_prepared_xacts p on p.transaction = wanted.id
            limit 1
            """, [id.map { "\($0)" }]
        ).first
        guard let row else { return nil }
        let owner = row[3].map { Owner.prepared(gid: $0) } ?? .process(pid: row[0] ?? "")
        return OpenTransaction(
            owner: owner, database: row[1] ?? "", age: row[2].flatMap { Int64($0) }.map { .seconds($0) })
    }
}

extension OpenTransaction: CustomStringConvertible {
    /// The transaction's owner and age, and what ends it; the text follows on "kept open by".
    package var description: String {
        let age = age.map { ", for \(DurationText.render($0))" } ?? ""
        return switch owner {
        case .process(let pid):
            "process \(pid), in a transaction\(place)\(age): end it, or call pg_terminate_backend(\(pid))"
        case .prepared(let gid):
            "the prepared transaction \(gid.quoted)\(place)\(age): COMMIT PREPARED or ROLLBACK PREPARED ends it"
        }
    }

    private var place: String { database.isEmpty ? "" : " of database \(database.quoted)" }
}

/// Notices when one and the same transaction keeps the gate open for long. Pure: the time is passed in.
package struct GateWatch {
    /// How long the gate may stay open before anybody is told.
    package static let patience = Duration.seconds(60)

    /// How often it is asked who it is.
    private static let period = Duration.seconds(60)

    private let patience: Duration
    /// The id of the oldest open transaction, the same in all snapshots since then.
    private var oldest: UInt64?
    private var since = Duration.zero
    private var askedAt: Duration?

    package init(patience: Duration = Self.patience) { self.patience = patience }

    package enum Verdict: Equatable {
        /// The gate shuts, or has not been open for long.
        case fine
        /// It is as it was before.
        case unchanged
        /// This transaction keeps it open, for this long at least: worth telling, now and once a minute.
        case open(id: UInt64, atLeast: Duration)
    }

    /// - Parameter snapshot: the snapshot of the last pass; nil where the gate is of no use anyway.
    package mutating func judge(_ snapshot: Snapshot?, at now: Duration) -> Verdict {
        guard let snapshot, !snapshot.isQuiet else {
            oldest = nil
            return .fine
        }
        if oldest != snapshot.horizon { (oldest, since, askedAt) = (snapshot.horizon, now, nil) }
        guard now - since >= patience else { return .fine }
        if let askedAt, now - askedAt < Self.period { return .unchanged }
        askedAt = now
        return .open(id: snapshot.horizon, atLeast: now - since)
    }
}

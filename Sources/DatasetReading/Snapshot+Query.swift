package import CacheRefresh
package import PostgresClient

extension Snapshot {
    /// Asks a server where it is, in one statement; inside a transaction this takes its snapshot.
    ///
    /// The timeline of a primary is part of the name of the file that it writes to: the control file goes on saying the
    /// old one until the first checkpoint after a promotion has ended, minutes maybe. A standby refuses to name that
    /// file.
    ///
    /// The checkpoint that a server was started from is told from one that it made since by its time, or, as that has
    /// whole seconds only, by this: it stands where it begins, as none does that is made beside transactions (but
    /// with `wal_level = minimal`), and statistics are older than the server's start, which a recovery throws away.
    package static func take(on connection: PostgresConnection) async throws(PostgresError) -> Snapshot {
        let row = try await connection.query(
            """
            select (select system_identifier from pg_control_system()), current_database(),
                   (extract(epoch from pg_postmaster_start_time()) * 1000000)::int8, s.is_standby,
                   case when s.is_standby then c.timeline_id
                        else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int8 end,
                   case when s.is_standby then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end,
                   case when s.is_standby then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end,
                   pg_snapshot_xmin(pg_current_snapshot()), age(pg_snapshot_xmin(pg_current_snapshot())::xid) = 0,
                   case when c.checkpoint_time + interval '1 second' <= pg_postmaster_start_time()
                        then c.checkpoint_lsn
                        when c.redo_lsn = c.checkpoint_lsn and current_setting('wal_level') <> 'minimal'
                        then case when (select stats_reset from pg_stat_bgwriter) < pg_postmaster_start_time()
                                  then c.checkpoint_lsn end end
            from pg_control_checkpoint() c, pg_is_in_recovery() s (is_standby)
            """
        ).first
        let position = row?[5].flatMap { WALPosition($0) }
        let history = ServerHistory(
            system: row?[0] ?? "", database: row?[1] ?? "", start: row?[2].flatMap { Int64($0) } ?? 0,
            timeline: row?[4].flatMap { UInt32($0) } ?? 0, isStandby: row?[3] == "t",
            position: position ?? WALPosition(bytes: 0))
        return Snapshot(
            history: history, durable: row?[6].flatMap { WALPosition($0) } ?? WALPosition(bytes: 0),
            horizon: row?[7].flatMap { UInt64($0) } ?? 0, isQuiet: position != nil && row?[8] == "t",
            startedFrom: row?[9].flatMap { WALPosition($0) })
    }
}

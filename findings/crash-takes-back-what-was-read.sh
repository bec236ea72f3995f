#!/usr/bin/env bash
# A commit that others have read is gone after a crash of one backend, and its number is handed out again; the
# server's start and timeline are the same.
#
# Expected: synchronous_commit = off may lose the last commits when the *server* dies, and pg_postmaster_start_time()
#   shows that.
# Seen: when one backend is killed (by the OOM killer, say), the others are ended and the log is replayed, under the
#   same postmaster: its start time stays, and so does the timeline. What was committed asynchronously is visible to
#   all before it is on disk. The crash takes it back, and the next transaction gets the xid of the lost one. The
#   position is no sign either: recovery's own records and the next writes carry it on to where it was.
# What helps: nothing counts before pg_current_wal_flush_lsn() has reached the position at which it was read.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version client=client$version
    start_postgres "$server" wal_level=minimal max_wal_senders=0
    postgres_version "$server"
    sql "$server" "create table t (id int, value text); insert into t values (1, 'old')" -c checkpoint
    history='select pg_postmaster_start_time(), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)'
    history_before=$(sql "$server" "$history")

    session "$client" "$server"
    backend=$(tell "$client" 'select pg_backend_pid()')
    # The WAL writer would write it out within 0.6 s, which is a short time to show something in.
    kill -STOP "$(sql "$server" "select pid from pg_stat_activity where backend_type = 'walwriter'")"
    tell "$client" "set synchronous_commit = off; update t set value = 'new'"
    seen 'another session reads' new "$(sql "$server" 'select value from t')"
    seen 'its position is on disk' f \
        "$(sql "$server" 'select pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()')"
    xmin=$(sql "$server" 'select xmin from t')

    kill -KILL "$backend"
    taken_back() { [ "$(sql "$server" 'select value from t')" = old ]; }
    await taken_back
    seen 'after the crash of a backend it reads' old "$(sql "$server" 'select value from t')"
    seen 'start and timeline are as before' yes \
        "$(same "$(sql "$server" "$history")" "$history_before")"
    sql "$server" "update t set value = 'other'"
    seen 'the next commit has the xid of the lost one' yes \
        "$(same "$(sql "$server" 'select xmin from t')" "$xmin")"
    stop "$server"
done
verdict

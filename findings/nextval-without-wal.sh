#!/usr/bin/env bash
# A sequence moves on, and the write-ahead log does not.
#
# Expected: while pg_current_wal_insert_lsn() stands still, nothing that a query can read has changed, unlogged tables
#   aside. Many a poller skips its work on that ground.
# Seen: nextval() logs 32 values ahead at once. The next 32 calls change last_value, which any session reads, and
#   write nothing. Nor does a reader's xid show it: a transaction that only calls nextval() may have none.
# What helps: do not take the position for the state of a query that reads a sequence.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server" wal_level=minimal max_wal_senders=0
    sql "$server" "create sequence orders; select nextval('orders')" >>"$work/log"
    postgres_version "$server"

    position=$(sql "$server" 'select pg_current_wal_insert_lsn()')
    snapshot=$(sql "$server" 'select pg_current_snapshot()')
    seen 'last_value before' 1 "$(sql "$server" 'select last_value from orders')"
    for _ in $(seq 10); do sql "$server" "select nextval('orders')" >>"$work/log"; done
    seen 'last_value after ten calls, read by another session' 11 "$(sql "$server" 'select last_value from orders')"
    seen "position of the log then (before: $position)" "$position" \
        "$(sql "$server" 'select pg_current_wal_insert_lsn()')"
    seen "snapshot then (before: $snapshot)" "$snapshot" "$(sql "$server" 'select pg_current_snapshot()')"
    stop "$server"
done
verdict

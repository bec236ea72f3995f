#!/usr/bin/env bash
# A sequence moves on, and the write-ahead log does not.
#
# Expected: while pg_current_wal_insert_lsn() stands still, nothing that a query can read has changed, unlogged tables
#   aside. Many a poller skips its work on that ground.
# Seen: nextval() logs 32 values ahead at once. The next 32 calls change last_value, which any session reads, and write
#   nothing. Nor does a reader's xid show it: a transaction that only calls nextval() may have none.
# What helps: do not take the position for the state of a query that reads a sequence.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    start_postgres server
    sql server "create sequence orders; select nextval('orders')" >>"$work/log"
    sql server 'show server_version' | sed 's/^/PostgreSQL /'

    position=$(sql server 'select pg_current_wal_insert_lsn()')
    snapshot=$(sql server 'select pg_current_snapshot()')
    seen 'last_value before' 1 "$(sql server 'select last_value from orders')"
    for _ in $(seq 10); do sql server "select nextval('orders')" >>"$work/log"; done
    seen 'last_value after ten calls, read by another session' 11 "$(sql server 'select last_value from orders')"
    seen 'the log moved' no "$([ "$(sql server 'select pg_current_wal_insert_lsn()')" = "$position" ] && echo no || echo yes)"
    seen 'the snapshot moved' no "$([ "$(sql server 'select pg_current_snapshot()')" = "$snapshot" ] && echo no || echo yes)"
    stop server
    rm -r "${work:?}/server"
done
verdict

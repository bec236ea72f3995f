#!/usr/bin/env bash
# A program that reads a logical replication slot releases commits that wait for a synchronous standby.
#
# Expected: with synchronous_standby_names = '*' a commit waits until a standby has the log on disk; a reader of
#   changes (CDC, a cache) is none.
# Seen: '*' and the reader's application_name match it like a standby. Its acknowledgements let commits go that no
#   standby has, and when it stops acknowledging, all commits hang.
# What helps: name the standbys; a reader of changes should have an application_name that nobody lists, and never
#   report a position as flushed while the list could mean it.
# Versions: PostgreSQL 17.10.
set -u
. "$(dirname "$0")/lib.sh"

postgres_programs 17
start_postgres server wal_level=logical
postgres_version server
sql server 'create table t (id int)'
sql server "select pg_create_logical_replication_slot('changes', 'test_decoding')" >>"$work/log"
sql server "alter system set synchronous_standby_names = '*'" -c 'select pg_reload_conf()' >>"$work/log"
listed() { [ "$(sql server 'show synchronous_standby_names')" = '*' ]; }
await listed

# commit: whether one returns within four seconds.
commit() {
    timeout 4 "$bin/psql" -XAtq -h "$work" -p "$(postgres_port server)" -U postgres -d postgres \
        -c 'insert into t values (1)' >>"$work/log" 2>&1 && echo returns || echo hangs
}
seen 'no standby is there: a commit' hangs "$(commit)"
"$bin/pg_recvlogical" -h "$work" -p "$(postgres_port server)" -U postgres -d postgres \
    --slot changes --start --fsync-interval=1 --status-interval=1 -f "$work/changes" >>"$work/log" 2>&1 &
reader=$!
streaming() { [ "$(sql server "select flush_lsn > '0/0' from pg_stat_replication where state = 'streaming'")" = t ]; }
await streaming
seen 'a reader of changes is there: its sync_state' sync "$(sql server 'select sync_state from pg_stat_replication')"
seen 'a commit' returns "$(commit)"
kill -STOP "$reader"
seen 'the reader is paused: a commit' hangs "$(commit)"
kill -CONT "$reader"
verdict

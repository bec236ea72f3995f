#!/usr/bin/env bash
# After a promotion, pg_control_checkpoint() goes on telling the old timeline.
#
# Expected: pg_control_checkpoint().timeline_id is the timeline of the server that is asked; monitoring reads it
#   there, since no other function bears the name.
# Seen: it is the timeline of the last checkpoint that has *ended*. A promoted server writes at once, with the new
#   timeline, and makes its first checkpoint in the background, spread over checkpoint_completion_target of
#   checkpoint_timeout: minutes, in which writes are told under the wrong timeline.
# What helps: left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) tells the new one at once.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    primary=primary$version standby=standby$version
    start_postgres "$primary"
    postgres_version "$primary"
    start_standby "$standby" "$primary"
    # Pages to write, so that the checkpoint has something to spread.
    sql "$primary" 'create table t as select g as id from generate_series(1, 200000) g'
    caught_up() { [ "$(sql "$standby" 'select count(*) from t')" = 200000 ]; }
    await caught_up
    stop "$primary"

    sql "$standby" 'select pg_promote()' >>"$work/log"
    sql "$standby" 'insert into t values (0)'
    control='select timeline_id from pg_control_checkpoint()'
    current='select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)'
    seen 'promoted, and written to: pg_control_checkpoint() says' 1 "$(sql "$standby" "$control")"
    seen 'promoted, and written to: the name of the segment says' 00000002 "$(sql "$standby" "$current")"
    sleep 5
    seen 'pg_control_checkpoint(), five seconds later' 1 "$(sql "$standby" "$control")"
    sql "$standby" checkpoint
    seen 'pg_control_checkpoint(), once a checkpoint has ended' 2 "$(sql "$standby" "$control")"
    stop "$standby"
done
verdict

#!/usr/bin/env bash
# Whether a server was stopped in order or crashed shows in statistics that nobody reset, not in its control file.
#
# Expected: pg_control_checkpoint().checkpoint_time, beside pg_postmaster_start_time(), tells a server that was stopped
#   in order (its last checkpoint is older than its start) from one that recovered from a crash (and made one since).
# Seen: the checkpoint's time has whole seconds, so after a quick restart both look alike; and the checkpoint of a
#   recovery looks like that of a stop: it, too, stands where it begins. Statistics differ: they are older than the
#   server's start if it was stopped in order, and a recovery throws them away, so that they begin anew after it.
# What helps: comparing pg_stat_bgwriter.stats_reset with pg_postmaster_start_time().
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

# Whether the checkpoint stands where it begins, and whether statistics are older than the start.
question='select redo_lsn = checkpoint_lsn, (select stats_reset from pg_stat_bgwriter) < pg_postmaster_start_time()
    from pg_control_checkpoint()'
for version in 17 18; do
    postgres_programs $version
    start_postgres "server$version"
    postgres_version "server$version"
    sql "server$version" 'create table t (id int)'
    stop "server$version"
    start_postgres "server$version"
    seen 'stopped in order: checkpoint in one place, old statistics' 't|t' "$(sql "server$version" "$question")"
    sql "server$version" 'insert into t values (1)'
    stop "server$version" QUIT
    start_postgres "server$version"
    settled() { [ "$(sql "server$version" 'select redo_lsn = checkpoint_lsn from pg_control_checkpoint()')" = t ]; }
    await settled
    seen 'crashed: checkpoint in one place, old statistics' 't|f' "$(sql "server$version" "$question")"
    stop "server$version"
done
verdict

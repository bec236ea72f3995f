#!/usr/bin/env bash
# A promoted standby stands at the position that its dead primary had, without the primary's last commit.
#
# Expected: a standby that lost the last commits is behind, so a poller that remembers the WAL position sees it go
#   back.
# Seen: promotion writes records of its own, and anybody's next write adds to them. Soon the new primary is at exactly
#   the byte that the old one had reached, with the same system identifier. Position and identifier are equal, the row
#   is the old one. Only the timeline differs.
# What helps: remember the timeline and the server's start with the position, all read on the connection that reads
#   the rows: a pooler moves a connection to the new server without a word.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    primary=primary$version standby=standby$version
    start_postgres "$primary"
    postgres_version "$primary"
    sql "$primary" "create table t (id int, value text); insert into t values (1, 'old')" -c "
        create function write_until(goal pg_lsn) returns numeric language plpgsql as \$\$
            declare missing int; shortest int := 56;
            begin
                loop
                    missing := goal - pg_current_wal_insert_lsn();
                    exit when missing < shortest;
                    perform pg_logical_emit_message(
                        false, '', case when missing < 3 * shortest then repeat('x', missing - shortest) else '' end);
                end loop;
                return missing;
            end \$\$"
    start_standby "$standby" "$primary"
    position='select pg_current_wal_insert_lsn()'
    caught_up() { [ "$(sql "$standby" 'select pg_last_wal_replay_lsn()')" = "$(sql "$primary" "$position")" ]; }
    await caught_up

    # The standby loses touch, a commit is lost, the primary dies, the standby is promoted.
    sql "$standby" "alter system set primary_conninfo = ''" -c 'select pg_reload_conf()' >>"$work/log"
    no_sender() { [ "$(sql "$primary" 'select count(*) from pg_stat_replication')" = 0 ]; }
    await no_sender
    sql "$primary" "update t set value = repeat('new ', 300)"
    identity='select system_identifier from pg_control_system()'
    timeline='select left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)'
    before=$(sql "$primary" "$position") identity_before=$(sql "$primary" "$identity")
    seen 'timeline of the old primary' 00000001 "$(sql "$primary" "$timeline")"
    stop "$primary" QUIT
    sql "$standby" 'select pg_promote()' >>"$work/log"
    sql "$standby" checkpoint

    # Anybody writes something else: here messages, the last of them as long as what is missing.
    seen 'bytes between the position that was read and the one that is' 0 \
        "$(sql "$standby" "select write_until('$before')")"
    seen 'same system identifier' yes \
        "$(same "$(sql "$standby" "$identity")" "$identity_before")"
    seen 'timeline of the new primary' 00000002 "$(sql "$standby" "$timeline")"
    seen 'the row, which had been read as new new new' old "$(sql "$standby" 'select value from t')"
    stop "$standby"
done
verdict

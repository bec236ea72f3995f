#!/usr/bin/env bash
# With three defaults of a role, `select 1` waits for other people's transactions.
#
# Expected: a read-only transaction never waits for writers, and a statement that reads no table waits for nobody.
#   default_transaction_deferrable sounds as if it were about constraints.
# Seen: a role with default_transaction_isolation = serializable, default_transaction_read_only = on and
#   default_transaction_deferrable = on, as one gives to a reporting user, waits before its first snapshot until every
#   serializable transaction that writes, and was under way, has ended: also for a monitoring query outside any BEGIN.
#   Any two of the three are harmless.
# What helps: `begin isolation level repeatable read, read only, not deferrable`, or the same as settings of the
#   session.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version writer=writer$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" "create table t (id int);
        create role report login; alter role report set default_transaction_isolation = 'serializable';
        alter role report set default_transaction_read_only = on;
        alter role report set default_transaction_deferrable = on; alter role report set statement_timeout = '3s'"
    session "$writer" "$server"
    tell "$writer" 'begin isolation level serializable; insert into t values (1)'

    # ask_as_role STATEMENT: what the role gets for it while the writer is under way.
    ask_as_role() { sql "$server" "$1" -U report 2>&1 | sed 's/^ERROR:  //'; }
    timed_out='canceling statement due to statement timeout'
    seen 'select 1, while a stranger writes' "$timed_out" "$(ask_as_role 'select 1')"
    ask_as_role 'select 1' >>"$work/log" &
    waits_for() { sql "$server" "select wait_event from pg_stat_activity where usename = 'report'"; }
    waits() { [ "$(waits_for)" = SafeSnapshot ]; }
    await waits
    seen 'it waits for' SafeSnapshot "$(waits_for)"
    wait $!
    for other in isolation=repeatable\\\ read read_only=off deferrable=off; do
        seen "with default_transaction_$other" 1 "$(PGOPTIONS="-c default_transaction_$other" ask_as_role 'select 1')"
    done
    tell "$writer" commit
    seen 'once the stranger has committed' 1 "$(ask_as_role 'select 1')"
    stop "$server"
done
verdict

#!/usr/bin/env bash
# A reader in REPEATABLE READ finds a table empty that was never empty for anybody who committed.
#
# Expected: TRUNCATE; INSERT; COMMIT in one transaction is atomic: a reader sees the rows before, or the rows after.
#   One that comes while it runs waits for the lock, and sees one of the two as well.
# Seen: the reader's snapshot is taken when its statement begins, before it waits for the lock. It gets the lock, and
#   reads the new file with the old snapshot: neither the rows that are gone with the file nor the new ones. A cache
#   that is filled so deletes everything. In READ COMMITTED, where it is tried first, the same SELECT is right: it
#   takes a second snapshot once it has the lock.
# What helps: LOCK TABLE ... IN ACCESS SHARE MODE as the first statement of the transaction; the snapshot comes later.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version writer=writer$version reader=reader$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" 'create table t as select g as id from generate_series(1, 5) g'
    session "$writer" "$server"
    session "$reader" "$server"
    waiting() { [ "$(sql "$server" "select count(*) from pg_stat_activity where wait_event = 'relation'")" = 1 ]; }

    # count STATEMENTS: what the reader counts when it comes while the table is filled anew.
    count() {
        tell "$writer" 'begin; truncate t; insert into t select g from generate_series(1, 5) g'
        ask "$reader" "$1; select count(*) from t; commit"
        await waiting
        tell "$writer" commit
        answer "$reader" | tail -n 1
    }
    seen 'before, and after' 5 "$(sql "$server" 'select count(*) from t')"
    seen 'a reader in between, repeatable read' 0 "$(count 'begin isolation level repeatable read')"
    seen 'a reader in between, read committed' 5 "$(count 'begin')"
    seen 'a reader in between, repeatable read, that locks first' 5 \
        "$(count 'begin isolation level repeatable read; lock table t in access share mode')"
    stop "$server"
done
verdict

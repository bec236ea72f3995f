#!/usr/bin/env bash
# Who may SELECT some columns may not LOCK the table in the mode that the SELECT takes anyway.
#
# Expected: LOCK TABLE ... IN ACCESS SHARE MODE needs what a SELECT needs, since a SELECT takes this lock.
# Seen: LOCK asks for a right on the whole table; one on columns does not count. The SELECT of a column takes the very
#   lock, and holds it until the transaction ends.
# What helps: `select column from t limit 0` takes the lock for the rest of the transaction; but in REPEATABLE READ it
#   takes the snapshot as well, which a LOCK leaves for later.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" 'create table t (id int, secret text); create role reader login; grant select (id) on t to reader'
    locked="select mode from pg_locks where relation = 't'::regclass"
    first() { sed -n '1s/^ERROR:  //; 1p'; }
    seen 'LOCK TABLE t IN ACCESS SHARE MODE' 'permission denied for table t' \
        "$(sql "$server" begin -c 'lock table t in access share mode' -U reader 2>&1 | first)"
    seen 'SELECT id FROM t LIMIT 0, and then it holds' AccessShareLock \
        "$(sql "$server" begin -c 'select id from t limit 0' -c "$locked" -U reader 2>&1 | first)"
    seen 'COPY t (id) TO STDOUT, and then it holds' AccessShareLock \
        "$(sql "$server" begin -c 'copy t (id) to stdout' -c "$locked" -U reader 2>&1 | first)"
    sql "$server" 'grant select on t to reader'
    seen 'LOCK TABLE with a right on the whole table, and then it holds' AccessShareLock \
        "$(sql "$server" begin -c 'lock table t in access share mode' -c "$locked" -U reader 2>&1 | first)"
    stop "$server"
done
verdict

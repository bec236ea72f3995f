#!/usr/bin/env bash
# A transaction in REPEATABLE READ sees a materialized view newer than the tables that it is made of.
#
# Expected: one snapshot for everything that the transaction reads: the view as it was when the snapshot was taken, or,
#   as after TRUNCATE, no rows.
# Seen: REFRESH MATERIALIZED VIEW writes its rows frozen, that is, as visible to everybody, into a new file. A snapshot
#   that is older than the refresh, and has not read the view before, reads the new rows beside the table's old ones.
# What helps: REFRESH MATERIALIZED VIEW CONCURRENTLY, which inserts and deletes rows like anybody else.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version reader=reader$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" 'create table t as select 1 as id; create materialized view v as select id from t;
        create unique index on v (id)'
    session "$reader" "$server"
    table='select count(*) from t' view='select count(*) from v'

    # try REFRESH: what a transaction reads of both that began before an insert and a refresh.
    try() {
        tell "$reader" 'begin isolation level repeatable read'
        before=$(tell "$reader" "$table")
        sql "$server" 'insert into t select count(*) + 1 from t' -c "$1"
        echo "$before rows before; $(tell "$reader" "$table") in the table, $(tell "$reader" "$view") in the view"
        tell "$reader" commit
    }
    seen 'refresh' '1 rows before; 1 in the table, 2 in the view' "$(try 'refresh materialized view v')"
    seen 'refresh concurrently' '2 rows before; 2 in the table, 2 in the view' \
        "$(try 'refresh materialized view concurrently v')"
    stop "$server"
done
verdict

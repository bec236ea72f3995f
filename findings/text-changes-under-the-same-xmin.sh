#!/usr/bin/env bash
# What a query answers changes, and every row that it reads has the xmin that it had.
#
# Expected: a row version never changes, so rows with an old xmin read as they did; a poller needs only those with a
#   new one. Schema changes rewrite the table, or add nothing but NULL.
# Seen: four everyday statements change the text of rows, or which rows there are, and leave each xmin alone: ALTER
#   TYPE ... RENAME VALUE, ADD COLUMN with a DEFAULT (since 11), ATTACH PARTITION of a table that was filled before,
#   and a swap by RENAME.
# What helps: remember OIDs, file nodes, partitions, columns and the labels of enums beside the horizon.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" "create type state as enum ('open'); create table t (id int, state state) partition by range (id);
        create table t1 partition of t for values from (0) to (10); insert into t values (1, 'open');
        create table late (id int, state state); insert into late values (11, 'open');
        create table other (id int, state state); insert into other values (2, 'open')"
    horizon=$(sql "$server" 'select pg_snapshot_xmax(pg_current_snapshot())')

    # try WHAT STATEMENT QUERY BEFORE AFTER
    try() {
        local before after
        before=$(sql "$server" "$3")
        sql "$server" "$2"
        after=$(sql "$server" "$3")
        seen "$1" "$4 -> $5" "$before -> $after"
        seen '  rows with a new xmin' 0 "$(sql "$server" "select count(*) from t where xmin::text::bigint >= $horizon")"
    }
    try 'ALTER TYPE ... RENAME VALUE' "alter type state rename value 'open' to 'new'" 'select * from t' '1|open' '1|new'
    try 'ADD COLUMN ... DEFAULT' 'alter table t add column n int default 7' 'select * from t' '1|new' '1|new|7'
    sql "$server" 'alter table late add column n int; alter table other add column n int'
    try 'ATTACH PARTITION' 'alter table t attach partition late for values from (10) to (20)' \
        'select count(*) from t' 1 2
    try 'swap by RENAME' 'alter table t rename to gone; alter table other rename to t' \
        "select string_agg(id::text, ',' order by id) from t" 1,11 2
    stop "$server"
done
verdict

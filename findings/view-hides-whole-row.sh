#!/usr/bin/env bash
# The catalog does not say that a view reads a whole row, so rights that are derived from it are too few.
#
# Expected: pg_depend lists what a view reads, column by column, or the table as a whole. Who grants its owner SELECT on
#   the columns that are listed has granted enough.
# Seen: a reference to a whole row, as in row_to_json(m) or count(m), is not listed beside a column of the same table:
#   there is one row, for that column. Reading the view then fails for an owner with the right to it, since a whole row
#   takes the right to every column. CREATE VIEW itself asks for no right to read at all.
# What helps: grant SELECT on the table wherever the view may use whole rows, and read the view as its owner to see.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" "create table members (id int, name text); insert into members values (1, 'Li');
        create role maker login; grant create, usage on schema public to maker"
    sql "$server" 'create view cards as select m.id, row_to_json(m) as card from members m' -U maker
    seen 'a role without any right to the table has created the view' maker \
        "$(sql "$server" "select viewowner from pg_views where viewname = 'cards'")"
    columns=$(sql "$server" "select string_agg(attname, ', ') from pg_depend d join pg_rewrite w on w.oid = d.objid
        left join pg_attribute on attrelid = refobjid and attnum = refobjsubid
        where w.ev_class = 'cards'::regclass and refobjid = 'members'::regclass")
    seen 'pg_depend: it reads of the table' id "$columns"
    sql "$server" "grant select ($columns) on members to maker"
    seen 'with the right to that: select card from cards' 'ERROR:  permission denied for table members' \
        "$(sql "$server" 'select card from cards' -U maker 2>&1)"
    sql "$server" 'grant select on members to maker'
    seen 'with the right to the table' '{"id":1,"name":"Li"}' "$(sql "$server" 'select card from cards' -U maker)"
    stop "$server"
done
verdict

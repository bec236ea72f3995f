#!/usr/bin/env bash
# pg_visible_in_snapshot() calls a row visible that no snapshot showed: it was written after a savepoint.
#
# Expected: "rows whose xmin was not visible in the snapshot of the last look" are what is new since then. Outbox
#   tables and pollers are built so.
# Seen: what is written after SAVEPOINT (also in a block of PL/pgSQL with EXCEPTION, and by drivers that set
#   savepoints unasked) bears the number of a subtransaction. pg_current_snapshot() lists none of these, so one that
#   was still under way counts as visible as soon as anybody else has committed after it. The next look passes the row
#   over, for ever.
# What helps: ask for everything from the snapshot's xmin on, and drop what was seen; a subtransaction's number is
#   always larger than its transaction's.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    start_postgres "server$version"
    postgres_version "server$version"
    sql "server$version" 'create table outbox (id int)'

    session "writer$version" "server$version"
    tell "writer$version" 'begin; insert into outbox values (1); savepoint s; insert into outbox values (2)'
    sql "server$version" 'insert into outbox values (3)'
    seen 'the first look reads' 3 "$(sql "server$version" 'select id from outbox')"
    snapshot=$(sql "server$version" 'select pg_current_snapshot()')
    tell "writer$version" 'commit'

    new="select string_agg(id::text, ',' order by id) from outbox"
    visible="pg_visible_in_snapshot(xmin::text::xid8, '$snapshot')"
    seen 'rows that the second look takes for new (1,2 is right)' 1 "$(sql "server$version" "$new where not $visible")"
    seen 'rows from the snapshot'"'"'s xmin on' 1,2,3 \
        "$(sql "server$version" "$new where xmin::text::bigint >= pg_snapshot_xmin('$snapshot')::text::bigint")"
    stop "server$version"
done
verdict

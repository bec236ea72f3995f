#!/usr/bin/env bash
# A read-only transaction writes to the write-ahead log.
#
# Expected: the log stands still while everybody only reads, above all in transactions that are declared READ ONLY.
# Seen: a SELECT that comes across row versions that nobody needs any more prunes their page, and logs that. With data
#   checksums, which initdb of 18 switches on, the first SELECT after a load also logs whole pages, since it sets
#   hints.
# What helps: a position that moved says "look", never "somebody wrote"; and after a load the first reader pays.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

# bytes STATEMENT: how many bytes of log a read-only transaction leaves.
bytes() {
    local before
    before=$(sql "$server" 'select pg_current_wal_insert_lsn()')
    sql "$server" 'begin read only' -c "$1" -c commit >>"$work/log"
    sql "$server" "select pg_current_wal_insert_lsn() - '$before'"
}
some() { [ "$1" -gt 0 ] && echo yes || echo no; }

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server" wal_level=minimal max_wal_senders=0
    postgres_version "$server"
    sql "$server" 'create table t (id int primary key, n int) with (fillfactor = 50);
                insert into t select g, 0 from generate_series(1, 200) g' -c 'checkpoint'
    for n in 1 2; do sql "$server" "update t set n = $n"; done
    seen 'a SELECT after updates writes to the log' yes "$(some "$(bytes 'select sum(n) from t')")"
    seen 'the same SELECT once more' no "$(some "$(bytes 'select sum(n) from t')")"

    sql "$server" "create table loaded as select g as id, repeat('x', 100) as text from generate_series(1, 10000) g" \
        -c 'checkpoint'
    written=$(bytes 'select count(*) from loaded')
    if [ "$(sql "$server" 'show data_checksums')" = on ]; then
        seen 'with checksums, the first SELECT after a load logs over 1 MB' yes \
            "$([ "$written" -gt 1000000 ] && echo yes || echo "no, $written bytes")"
    else
        seen 'without checksums, the first SELECT after a load logs (bytes)' 0 "$written"
    fi
    stop "$server"
done
verdict

#!/usr/bin/env bash
# No timeout ends a statement whose client has stopped reading, and pg_cancel_backend() does not either.
#
# Expected: statement_timeout, and since 17 transaction_timeout, bound how long a statement holds its locks and its
#   snapshot, whatever the client does.
# Seen: once the socket's buffers are full, the backend waits in ClientWrite, and looks at nothing there but at its
#   termination. The timeout passes, a cancellation "succeeds", and the statement stays, with its lock and its xmin,
#   until the client reads on or its connection ends. A paused process or a frozen pod is enough.
# What helps: pg_terminate_backend(), by whoever watches for old backend_xmin in ClientWrite. A client that reads rows
#   only as fast as it can write them elsewhere needs a limit of its own.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" "create table t as select repeat('x', 1000) as value from generate_series(1, 50000)"
    copies="from pg_stat_activity where query like 'copy%' and state = 'active'"
    copying() { [ "$(sql "$server" "select count(*) $copies and $1")" = 1 ]; }
    gone() { ! copying true; }

    # A client that asks for the rows, and is paused before the first one comes.
    PGOPTIONS='-c statement_timeout=5s -c transaction_timeout=5s' "$bin/psql" -Xq -h "$work" \
        -p "$(postgres_port "$server")" -U postgres -d postgres \
        -c 'copy (select value from t, (select pg_sleep(2)) late) to stdout' >"$work/rows" 2>>"$work/log" &
    client=$!
    await copying "wait_event = 'PgSleep'"
    kill -STOP "$client"
    await copying "wait_event = 'ClientWrite'"

    await copying "clock_timestamp() > query_start + '7 s'"
    seen 'a statement with timeouts of 5 s, after 7 s' active "$(sql "$server" "select state $copies")"
    seen 'pg_cancel_backend() says' t "$(sql "$server" "select pg_cancel_backend(pid) $copies")"
    sleep 1
    seen 'a second later it still has its snapshot' t "$(sql "$server" "select backend_xmin is not null $copies")"
    seen 'and its lock keeps ALTER TABLE waiting' 'canceling statement due to lock timeout' \
        "$(sql "$server" "set lock_timeout = '500ms'" -c 'alter table t add other int' 2>&1 | sed 's/^ERROR:  //')"
    seen 'pg_terminate_backend() says' t "$(sql "$server" "select pg_terminate_backend(pid) $copies")"
    await gone
    seen 'statements that are left then' 0 "$(sql "$server" "select count(*) $copies")"
    kill -CONT "$client"
    stop "$server"
done
verdict

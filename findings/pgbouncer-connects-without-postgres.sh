#!/usr/bin/env bash
# A connection through PgBouncer opens, and pg_isready says yes, while PostgreSQL is down.
#
# Expected: who can connect through the pooler has reached PostgreSQL; a probe with pg_isready shows an outage, and
#   connect_timeout bounds how long one waits for it.
# Seen: PgBouncer greets a client by itself, from what it remembers. The first statement then waits for a server
#   connection, for query_wait_timeout: two minutes unless it is set. connect_timeout is over by then.
# What helps: a probe that asks `select 1` with a time limit of its own; query_wait_timeout of some seconds.
# Versions: PgBouncer 1.18.0 (Debian 12), PostgreSQL and libpq 17.10.
set -u
. "$(dirname "$0")/lib.sh"

postgres_programs 17
start_postgres server
start_pgbouncer pool server
start_pgbouncer brisk server query_wait_timeout=2
postgres_version server

ready() { "$bin/pg_isready" -q -h "$work" -p "$(postgres_port "$1")" && echo yes || echo no; }
# ask POOL: what a statement gets within six seconds, with a connect_timeout of two.
ask() {
    PGCONNECT_TIMEOUT=2 timeout 6 "$bin/psql" -XAtc 'select 1' \
        -h "$work" -p "$(postgres_port "$1")" -U postgres -d postgres >"$work/answer" 2>&1
    case $? in
    0) echo an answer ;;
    124) echo silence ;;
    *) sed -n '1s/.*ERROR:  //; 1s/.*FATAL:  //; 1p' "$work/answer" ;;
    esac
}

seen 'PostgreSQL runs: pg_isready, through the pooler' yes "$(ready pool)"
seen 'PostgreSQL runs: a statement gets' 'an answer' "$(ask pool)"
seen 'PostgreSQL runs: with query_wait_timeout = 2 it gets' 'an answer' "$(ask brisk)"
stop server
seen 'PostgreSQL is stopped: pg_isready, directly' no "$(ready server)"
seen 'PostgreSQL is stopped: pg_isready, through the pooler' yes "$(ready pool)"
seen 'PostgreSQL is stopped: a statement gets, within 6 s' silence "$(ask pool)"
seen 'PostgreSQL is stopped: with query_wait_timeout = 2 it gets' query_wait_timeout "$(ask brisk)"
verdict

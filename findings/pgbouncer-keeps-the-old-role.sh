#!/usr/bin/env bash
# Behind PgBouncer, target_session_attrs=primary refuses the server for good once it has been promoted.
#
# Expected: libpq asks the server that it reaches whether it is the primary, so after a failover a connection is
#   refused for as long as the promotion takes, and then not any more.
# Seen: since PostgreSQL 14 the server reports in_hot_standby and default_transaction_read_only when a session begins,
#   and libpq believes the report. PgBouncer tells each client what its *first* server connection reported when the
#   pool was young. After the promotion it goes on saying "hot standby", to every new client, though its own
#   connections are new too: primary and read-write are refused, and standby is granted, at the primary.
# What helps: leave target_session_attrs away behind a pooler and ask pg_is_in_recovery(); or restart PgBouncer. It is
#   known there as issue 859, open since 2023.
# Versions: PgBouncer 1.18.0 (Debian 12), PostgreSQL and libpq 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

# connect ATTRIBUTES: whether libpq is content with what it reaches.
connect() {
    "$bin/psql" -XAtc 'select 1' "host=$work port=$(postgres_port "$pool") user=postgres dbname=postgres \
        target_session_attrs=$1" >>"$work/log" 2>&1 && echo granted || echo refused
}

for version in 17 18; do
    postgres_programs $version
    primary=primary$version standby=standby$version pool=pool$version
    start_postgres "$primary"
    postgres_version "$primary"
    start_standby "$standby" "$primary"
    start_pgbouncer "$pool" "$standby" pool_mode=session
    seen 'in front of a standby: primary is' refused "$(connect primary)"
    seen 'in front of a standby: standby is' granted "$(connect standby)"

    stop "$primary"
    sql "$standby" 'select pg_promote()' >>"$work/log"
    stop "$standby" # so that every connection of the pooler is a new one
    start_postgres "$standby"
    seen 'promoted, restarted: pg_is_in_recovery(), through the pooler' f "$(sql "$pool" 'select pg_is_in_recovery()')"
    seen 'primary is' refused "$(connect primary)"
    seen 'read-write is' refused "$(connect read-write)"
    seen 'standby is' granted "$(connect standby)"

    stop "$pool"
    start_pgbouncer "$pool" "$standby" pool_mode=session
    seen 'with a new PgBouncer: primary is' granted "$(connect primary)"
    stop "$pool"
    stop "$standby"
done
verdict

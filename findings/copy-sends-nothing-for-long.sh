#!/usr/bin/env bash
# The rows of a slow COPY, or SELECT, come all at once when it ends, though the first were ready long before.
#
# Expected: the server sends rows as it makes them, so a client that hears nothing for its read timeout has lost the
#   server; single-row mode and COPY are there to see rows early.
# Seen: the server sends when 8 KiB are full, or when the statement ends. A hundred small rows that take a minute to
#   make are a minute of silence, in which a socket timeout and a proxy's `timeout server` run.
# What helps: timeouts on silence longer than the longest statement; TCP keepalives to notice a peer that is gone.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

# first STATEMENT: in which of the statement's three seconds its first row arrives.
first() {
    local begin=$SECONDS arrived=''
    while read -r _; do
        arrived=${arrived:-$((SECONDS - begin))}
    done < <(sql "$server" "copy ($1) to stdout")
    [ "$arrived" -lt 2 ] && echo early || echo 'at the end'
}

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    slow='case when g > 97 then pg_sleep(1)::text end from generate_series(1, 100) g'
    seen '97 rows at once, then one a second; 10 B each: the first arrives' 'at the end' "$(first "select g, $slow")"
    seen 'the same with 1,000 B each: the first arrives' early "$(first "select repeat('x', 1000), $slow")"
    stop "$server"
done
verdict

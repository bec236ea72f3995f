#!/usr/bin/env bash
# SET search_path = 'a, b' names one schema, `a, b`, that does not exist, and says nothing.
#
# Expected: the value is a list however it is given: `-c search_path=a,b`, postgresql.conf, set_config() and SET are
#   ways to the same setting, and a quoted string is how any other setting is written.
# Seen: SET and ALTER ROLE ... SET take each literal for one name, and quote it. set_config() and startup options read
#   the same text as a list. A schema that is not there is no error, so the next statement finds another table or none,
#   and what worked by one way fails by another with the same text.
# What helps: set_config('search_path', ..., true); or names without quotes after SET. Ask current_schemas(false).
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" 'create schema a; create schema b; create role r login; create role s login;
        grant usage on schema a, b to r, s'
    sql "$server" "alter role r set search_path = 'a, b'; alter role s set search_path = a, b"
    schemas='select current_schemas(false)'
    seen "-c search_path=a,b" '{a,b}' "$(PGOPTIONS='-c search_path=a,b' sql "$server" "$schemas")"
    seen "set_config('search_path', 'a, b', false)" '{a,b}' \
        "$(sql "$server" "select set_config('search_path', 'a, b', false)" -c "$schemas" | tail -n 1)"
    seen "SET search_path = a, b" '{a,b}' "$(sql "$server" 'set search_path = a, b' -c "$schemas")"
    seen "SET search_path = 'a, b'" '{}' "$(sql "$server" "set search_path = 'a, b'" -c "$schemas")"
    seen "ALTER ROLE r SET search_path = 'a, b'" '{}' "$(sql "$server" "$schemas" -U r)"
    seen "ALTER ROLE s SET search_path = a, b" '{a,b}' "$(sql "$server" "$schemas" -U s)"
    stop "$server"
done
verdict

#!/usr/bin/env bash
# to_jsonb() obeys a cast to json for an enum and a range, ignores it for a composite and a domain, and ignores every
# cast to jsonb.
#
# Expected: to_json() and to_jsonb() use the cast that somebody made for a type, as the documentation says; or, for a
#   type without one, its text. Whoever replaces them by a conversion of his own needs one rule.
# Seen: the kind of the type decides first. A composite is always taken apart, a domain is taken for its base type;
#   only what is left over is looked up, and only casts to json, though the result be jsonb. A cast to jsonb alone
#   does nothing, in to_jsonb() too.
# What helps: define the cast to json; for a composite or a domain call the function by name.
# Versions: PostgreSQL 17.10, 18.6.
set -u
. "$(dirname "$0")/lib.sh"

for version in 17 18; do
    postgres_programs $version
    server=server$version
    start_postgres "$server"
    postgres_version "$server"
    sql "$server" "create type mood as enum ('fine'); create type span as range (subtype = text);
        create type point2 as (x int); create domain word as text"
    # The same cast for each kind of type, to json first, then to jsonb for two others.
    for type in mood span point2 word; do
        sql "$server" "create function ${type}_json($type) returns json language sql immutable
            as 'select json_build_object(''cast'', true)';
            create cast ($type as json) with function ${type}_json($type)" 2>>"$work/log"
    done
    sql "$server" "create type tone as enum ('low');
        create function tone_jsonb(tone) returns jsonb language sql immutable as 'select ''{\"cast\": true}''::jsonb';
        create cast (tone as jsonb) with function tone_jsonb(tone)"
    of() { sql "$server" "select to_jsonb($1)"; }
    seen 'enum with a cast to json' '{"cast": true}' "$(of "'fine'::mood")"
    seen 'range with a cast to json' '{"cast": true}' "$(of "'[a,b]'::span")"
    seen 'composite with a cast to json' '{"x": 1}' "$(of 'row(1)::point2')"
    seen 'domain with a cast to json' '"hello"' "$(of "'hello'::word")"
    seen 'enum with a cast to jsonb: to_jsonb()' '"low"' "$(of "'low'::tone")"
    seen 'enum with a cast to jsonb: ::jsonb' '{"cast": true}' "$(sql "$server" "select 'low'::tone::jsonb")"
    stop "$server"
done
verdict

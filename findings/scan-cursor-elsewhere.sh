#!/usr/bin/env bash
# SCAN goes on at another server that has the same keys, without an error, and misses a good part of them.
#
# Expected: a cursor is a position in the key space, or an unknown cursor is refused. Promised is that a key that is
#   there from the beginning to the end is returned. A proxy or Sentinel that moves the connection to a replica with
#   the same keys does no harm.
# Seen: a cursor is a place in *this process's* hash table, whose order comes from a seed that is made at the start. A
#   replica has another order: it takes the cursor, walks what is behind it there, and says 0 at the end.
# What helps: begin anew on each new connection; do not delete by what a scan did not return.
# Versions: Redis 6.2.14, Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

# scan FROM THEN: how many different keys a scan returns that moves after its first page.
scan() {
    local cursor=0 server=$1
    : >"$work/keys"
    while :; do
        redis "$server" scan "$cursor" count 5000 >"$work/page"
        cursor=$(head -n 1 "$work/page")
        tail -n +2 "$work/page" >>"$work/keys"
        [ "$cursor" != 0 ] || break
        server=$2
    done
    sort -u "$work/keys" | grep -c .
}
for version in 6.2 8.2 valkey; do
    start_redis "one$version" "$version"
    start_redis "two$version" "$version"
    redis_version "one$version"
    for server in one two; do
        seq 10000 | sed 's/.*/set key:& v/' | redis "$server$version" >>"$work/log"
    done
    seen 'keys at both, the same' 10000 "$(redis "one$version" dbsize)"
    seen 'a scan at one of them returns' 10000 "$(scan "one$version" "one$version")"
    found=$(scan "one$version" "two$version")
    seen "a scan that moves after its first page returns all (of 10000: $found)" no \
        "$(same "$found" 10000)"
done
verdict

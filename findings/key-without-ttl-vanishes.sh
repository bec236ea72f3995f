#!/usr/bin/env bash
# A hash with PTTL -1 vanishes, also after PERSIST and EXPIRE.
#
# Expected: PTTL -1 means that a key stays until somebody deletes it, and an EXPIRE of an hour that it stays for an
#   hour.
# Seen: since Redis 7.4 and Valkey 9 fields have TTLs of their own, of which TTL, PERSIST and EXPIRE of the key know
#   nothing. When the last field has expired, the key is gone. Until then it changes by itself, field by field. HSET
#   of a field takes its TTL away; another field's stays.
# What helps: look at HPTTL too before one calls a hash permanent; write a hash anew with DEL (or UNLINK) and HSET.
# Versions: Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

for version in 8.2 valkey; do
    start_redis "$version" "$version"
    redis_version "$version"
    redis "$version" hset h a 1 b 2 >>"$work/log"
    redis "$version" hpexpire h 1500 fields 2 a b >>"$work/log"
    seen 'PTTL of a hash whose fields have one and a half seconds' -1 "$(redis "$version" pttl h)"
    seen 'PERSIST finds nothing to take away' 0 "$(redis "$version" persist h)"
    seen 'EXPIRE of an hour is accepted' 1 "$(redis "$version" expire h 3600)"
    redis "$version" hset half a 1 b 2 >>"$work/log"
    redis "$version" hpexpire half 1500 fields 2 a b >>"$work/log"
    redis "$version" hset half a 3 >>"$work/log"
    sleep 2
    seen 'two seconds later EXISTS says' 0 "$(redis "$version" exists h)"
    seen 'one of which a field was set again has' 'a 3' "$(redis "$version" hgetall half | xargs)"
done
verdict

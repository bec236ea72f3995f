#!/usr/bin/env bash
# Within a script TIME goes on in Redis 6.2, and stands still in Redis 8.2 and in Valkey.
#
# Expected: TIME tells the time; a script can measure what it does, or make several stamps that differ. Before scripts
#   were replicated by their effects there was a reason against it, now there is none.
# Seen: in Redis 8.2 and Valkey 9.1 all commands of a script share the moment at which it began; so do expiries: a key
#   that a script gives 5 ms is still there at the end of a script of 100 ms. In 6.2 such a key has no time left, and
#   is there nevertheless.
# What helps: take TIME once a script; count within it.
# Versions: Redis 6.2.14, Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

spend="local first = redis.call('time'); redis.call('set', 'k', 'v', 'px', 5)
    for _ = 1, 20000000 do end
    local last = redis.call('time')"
for version in 6.2 8.2 valkey; do
    start_redis "$version" "$version"
    redis_version "$version"
    goes_on=$(same "$version" 6.2)
    seen 'TIME differs between the beginning of a script and its end' "$goes_on" "$(redis "$version" eval \
        "$spend return (last[1] == first[1] and last[2] == first[2]) and 'no' or 'yes'" 0)"
    seen 'PTTL, at the end, of a key that was given 5 ms' "$([ "$version" = 6.2 ] && echo 0 || echo 5)" \
        "$(redis "$version" eval "$spend return redis.call('pttl', 'k')" 0)"
    seen 'GET of it then' v "$(redis "$version" eval "$spend return redis.call('get', 'k')" 0)"
    seen 'GET of it after the script' '' "$(redis "$version" get k)"
done
verdict

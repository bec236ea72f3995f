#!/usr/bin/env bash
# One number of Lua becomes two texts, depending on how it gets into the key or the value.
#
# Expected: an integer below 2^53 is exact in Lua, and Redis' scripts write it as it is.
# Seen: a number that is given to redis.call is written with 17 digits; `..`, tostring and cjson.encode write 14. So
#   from 10^14 on, where microseconds and snowflake ids are, a key that is put together and a JSON text have
#   1.7952539800571e+15, while SET of the same variable stores 1795253980057128.
# What helps: string.format('%.0f', n); or numbers as text all the way.
# Versions: Redis 6.2.14, Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

for version in 6.2 8.2 valkey; do
    start_redis "$version" "$version"
    redis_version "$version"
    of() { redis "$version" eval "local n = tonumber(ARGV[1]) $1" 0 1795253980057128; }
    seen "redis.call('set', 'k', n), then get" 1795253980057128 \
        "$(of "redis.call('set', 'k', n) return redis.call('get', 'k')")"
    seen 'return n' 1795253980057128 "$(of 'return n')"
    seen "'id:' .. n" id:1.7952539800571e+15 "$(of "return 'id:' .. n")"
    seen 'cjson.encode({n})' '[1.7952539800571e+15]' "$(of 'return cjson.encode({n})')"
    seen "string.format('%.0f', n)" 1795253980057128 "$(of "return string.format('%.0f', n)")"
done
verdict

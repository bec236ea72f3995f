#!/usr/bin/env bash
# At a full Redis a script may write as much as it likes, if its first write needs no memory.
#
# Expected: with maxmemory reached and noeviction, commands that need memory are refused, in a script as anywhere
#   else.
# Seen: the limit is looked at only until a script has written something, so that no script is broken off half-way. A
#   DEL of a key that is not there, or a PEXPIRE of one that is, counts as such a write. Everything after it passes: a
#   lease can be renewed and a queue be filled, far beyond the limit.
# What helps: to rely on it where a short write must succeed, and to begin with a SET where it must not.
# Versions: Redis 6.2.14, Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

for version in 6.2 8.2 valkey; do
    start_redis "$version" "$version" --maxmemory-policy noeviction
    redis_version "$version"
    redis "$version" set lease held >>"$work/log"
    redis "$version" config set maxmemory 1 >>"$work/log"
    # try FIRST: what becomes of a script that begins so, and writes a megabyte.
    try() {
        redis "$version" eval \
            "$1 for i = 1, 1000 do redis.call('set', i, string.rep('x', 1000)) end return 'passes'" 0 |
            grep -o 'OOM\|passes'
        redis "$version" flushall >>"$work/log"
    }
    seen 'SET, by itself' OOM "$(redis "$version" set a b | grep -o OOM)"
    seen 'a script that only sets' OOM "$(try '')"
    seen 'a script that reads, then sets' OOM "$(try "redis.call('get', 'lease')")"
    seen 'a script that deletes what is not there, then sets 1 MB' passes "$(try "redis.call('del', 'nothing')")"
done
verdict

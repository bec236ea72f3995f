#!/usr/bin/env bash
# Valkey's INFO keeps redis_version, and has no redis_mode.
#
# Expected: Valkey says redis_version:7.2.4 for the sake of programs that look for it, so it keeps the line beside it
#   too. A program that refuses clusters and Sentinels reads redis_mode.
# Seen: the line is server_mode. Who looks for redis_mode:cluster finds none, takes a cluster for a single server, and
#   fails later, key by key. extended-redis-compatibility has redis_mode instead.
# What helps: read both; take neither for an answer no.
# Versions: Redis 6.2.14, Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

# lines NAME: which of these lines INFO has.
lines() {
    redis "$1" info server | tr -d '\r' |
        grep -oE '^(redis_version|redis_mode|server_mode|valkey_version|server_name)' | sort | xargs
}
start_redis 6.2 6.2
start_redis 8.2 8.2
start_redis valkey valkey
start_redis compatible valkey --extended-redis-compatibility yes
seen 'Redis 6.2' 'redis_mode redis_version' "$(lines 6.2)"
seen 'Redis 8.2' 'redis_mode redis_version' "$(lines 8.2)"
seen 'Valkey' 'redis_version server_mode server_name valkey_version' "$(lines valkey)"
seen 'Valkey with extended-redis-compatibility' 'redis_mode redis_version server_name valkey_version' \
    "$(lines compatible)"
verdict

#!/usr/bin/env bash
# DUMP of Redis 8 cannot be restored in Valkey 9, nor the other way round, and the message names another cause.
#
# Expected: a newer server restores what an older one dumped, and Valkey, which calls itself compatible, what Redis
#   did.
# Seen: both raised the format's number on their own since they parted: 12 in Redis 8.2, 80 in Valkey 9.1. Each
#   refuses the other's, with "DUMP payload version or checksum are wrong", as if the bytes were damaged; a string of
#   one letter is refused like everything else. What Redis 6.2 dumped, both take.
# What helps: read the number, two bytes before the checksum, which is the last eight, before one promises anything;
#   move values as values, not as dumps.
# Versions: Redis 6.2.14, Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

for version in 6.2 8.2 valkey; do
    start_redis "$version" "$version"
    redis "$version" set key v >>"$work/log"
done
# restore FROM TO: what TO says to the DUMP of FROM. The last byte that redis-cli prints is a newline of its own.
restore() {
    redis "$1" dump key | head -c -1 | redis "$2" -x restore copy 0 2>&1 | head -n 1
    redis "$2" del copy >>"$work/log"
}
refused='ERR DUMP payload version or checksum are wrong'
for pair in '6.2 8.2 OK' '6.2 valkey OK' '8.2 6.2' 'valkey 6.2' '8.2 valkey' 'valkey 8.2'; do
    read -r from to expected <<<"$pair"
    seen "from $(redis_version "$from") to $(redis_version "$to")" "${expected:-$refused}" "$(restore "$from" "$to")"
done
verdict

#!/usr/bin/env bash
# SCRIPT LOAD does not keep a script in Redis 8.2 if somebody had sent it by EVAL before.
#
# Expected: scripts that came by EVAL may be evicted when there are more than 500 of them; those that were loaded by
#   SCRIPT LOAD stay until SCRIPT FLUSH. So load it, and EVALSHA is safe.
# Seen: in Redis 8.2 a script that is known already stays what it is: SCRIPT LOAD answers its digest, and it is
#   evicted with the others. A client that falls back to EVAL after NOSCRIPT, and loads later, has no safe script ever
#   again. Valkey 9.1 makes it a loaded one.
# What helps: an answer to NOSCRIPT at any time, also in the middle of a pipeline.
# Versions: Redis 8.2.3, Valkey 9.1.2; Redis 6.2.14 evicts no scripts.
set -u
. "$(dirname "$0")/lib.sh"

for version in 6.2 8.2 valkey; do
    start_redis "$version" "$version"
    redis_version "$version"
    loaded=$(redis "$version" script load "return 'loaded'")
    redis "$version" eval "return 'sent first'" 0 >>"$work/log"
    sent_first=$(redis "$version" script load "return 'sent first'")
    seq 1000 | sed 's/.*/eval "return &" 0/' | redis "$version" >>"$work/log"
    seen 'loaded, and 1,000 others sent by EVAL: exists' 1 "$(redis "$version" script exists "$loaded")"
    seen 'sent by EVAL, then loaded, and the others: exists' "$([ "$version" = 8.2 ] && echo 0 || echo 1)" \
        "$(redis "$version" script exists "$sent_first")"
done
verdict

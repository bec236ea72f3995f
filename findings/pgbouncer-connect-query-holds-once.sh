#!/usr/bin/env bash
# PgBouncer's connect_query sets up a server connection for its first client only.
#
# Expected: connect_query = 'set search_path = tenant1' gives every client of the database that schema; it is what the
#   setting is there for.
# Seen: in session mode PgBouncer sends server_reset_query, which is DISCARD ALL, when a client leaves. That takes back
#   what connect_query had set, and it is not run again: the second client of the same server connection reads the table
#   of the same name in public. A test with one client sees nothing of it, nor one with a fresh pooler.
# What helps: ALTER ROLE ... IN DATABASE ... SET, to which DISCARD ALL goes back.
# Versions: PgBouncer 1.18.0 (Debian 12), PostgreSQL 17.10.
set -u
. "$(dirname "$0")/lib.sh"

postgres_programs 17
start_postgres server
postgres_version server
sql server 'create schema tenant1; create schema tenant2'
of_database="connect_query='set search_path = tenant1'" start_pgbouncer pool server pool_mode=session
seen 'with connect_query, the first client: search_path' tenant1 "$(sql pool 'show search_path')"
seen 'with connect_query, the second client: search_path' '"$user", public' "$(sql pool 'show search_path')"
sql server 'alter role postgres in database postgres set search_path = tenant2'
start_pgbouncer plain server pool_mode=session
seen 'with ALTER ROLE instead, one client: search_path' tenant2 "$(sql plain 'show search_path')"
seen 'with ALTER ROLE instead, another client: search_path' tenant2 "$(sql plain 'show search_path')"
verdict

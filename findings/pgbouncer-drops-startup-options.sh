#!/usr/bin/env bash
# With ignore_startup_parameters = options, a connection reads another schema than its URL names.
#
# Expected: the setting makes PgBouncer accept clients that send harmless extras. What a client asks for in earnest is
#   either done or refused; that is the promise of a startup packet.
# Seen: `?options=-csearch_path%3Dtenant1` is dropped without a word, with whatever else stands in it: search_path,
#   statement_timeout, default_transaction_read_only. The statement finds the table of the same name in public, and
#   succeeds. The usual advice against "unsupported startup parameter: options" is this very setting.
# What helps: ask back after connecting (`show search_path`); name schemas in full; ALTER ROLE ... IN DATABASE ... SET.
# Versions: PgBouncer 1.18.0 (Debian 12; 1.20 and later honour some options), PostgreSQL 17.10.
set -u
. "$(dirname "$0")/lib.sh"

postgres_programs 17
start_postgres server
start_pgbouncer strict server
start_pgbouncer lenient server ignore_startup_parameters=options
postgres_version server
sql server "create table users as select 'of everybody' as name;
            create schema tenant1; create table tenant1.users as select 'of tenant 1' as name"

# name SERVER: what a client with a search_path of its own reads there.
name() { PGOPTIONS='-c search_path=tenant1' sql "$1" 'select name from users' 2>&1 | grep -o 'of .*\|unsupported.*'; }
seen 'search_path=tenant1 in the URL, directly' 'of tenant 1' "$(name server)"
seen 'through PgBouncer as it comes' 'unsupported startup parameter: options' "$(name strict)"
seen 'through PgBouncer with options ignored' 'of everybody' "$(name lenient)"
seen 'a read-only mode that was asked for, directly' on \
    "$(PGOPTIONS='-c default_transaction_read_only=on' sql server 'show transaction_read_only')"
seen 'a read-only mode that was asked for, through it' off \
    "$(PGOPTIONS='-c default_transaction_read_only=on' sql lenient 'show transaction_read_only')"
verdict

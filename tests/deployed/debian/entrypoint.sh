#!/bin/sh
# PostgreSQL: made on the first start, from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB. All else runs as it is.
set -eu
[ "$1" = postgres ] || exec "$@"
data=/var/lib/postgresql/data
as_postgres="setpriv --reuid=postgres --regid=postgres --clear-groups"
if [ ! -s "$data/PG_VERSION" ]; then
    umask 077
    printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
    chown postgres /tmp/password
    $as_postgres initdb --pgdata "$data" --username "$POSTGRES_USER" --pwfile /tmp/password \
        --auth-local trust --auth-host scram-sha-256
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
    printf 'create database %s;\n' "$POSTGRES_DB" | $as_postgres postgres --single -D "$data" postgres
fi
exec $as_postgres postgres -D "$data" -c listen_addresses='*'

#!/bin/sh
# Sets the passwords of the two login roles after bootstrap.sql. Compose mounts both as init scripts of the postgres
# image; elsewhere it uses psql's variables (PGHOST, PGUSER, PGDATABASE, …).
#
#   KONSTRUCT_OWNER_PASSWORD   for konstruct_owner, which migrates
#   KONSTRUCT_APP_PASSWORD     for konstruct_app, which serves
#
# psql reads both from the environment (\getenv, psql 15 or later), since every user of the machine can read command
# lines. The server does not log these statements.
#
# A subshell, since the image's entrypoint sources scripts that are not executable.
(
  set -eu

  : "${KONSTRUCT_OWNER_PASSWORD:?must be set}"
  : "${KONSTRUCT_APP_PASSWORD:?must be set}"

  export PGUSER="${POSTGRES_USER:-${PGUSER:-postgres}}"
  export PGDATABASE="${POSTGRES_DB:-${PGDATABASE:-konstruct}}"

  psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
\getenv owner_password KONSTRUCT_OWNER_PASSWORD
\getenv app_password KONSTRUCT_APP_PASSWORD
ALTER ROLE konstruct_owner PASSWORD :'owner_password';
ALTER ROLE konstruct_app PASSWORD :'app_password';
SQL
)

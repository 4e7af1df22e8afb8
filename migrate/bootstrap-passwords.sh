#!/bin/sh
# Sets the passwords of the two roles that log in, after bootstrap.sql has made them. Compose mounts it beside that file
# as an init script of the postgres image; anywhere else it takes psql's own variables (PGHOST, PGUSER, PGDATABASE, …).
#
#   KONSTRUCT_OWNER_PASSWORD   for konstruct_owner, who migrates
#   KONSTRUCT_APP_PASSWORD     for konstruct_app, who serves
#
# psql reads both from the environment itself (\getenv, psql 15 or later): a command line can be read by everybody on
# the machine. The server is told not to log the statements, which carry them.
#
# In a subshell: the image's entrypoint sources a script that it may not execute.
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

-- What the sections have in common: $1 the application's role, $2 the setting that carries the tenant, $3 all roles that
-- isolation rests on.
WITH app AS NOT MATERIALIZED (
  SELECT r.oid FROM pg_roles AS r WHERE r.rolname = $1::text
)

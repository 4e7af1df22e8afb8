-- konstruct:replaces h1:1iLJ6mAu5KfEz4HgQqI2+SJ16oo3fzONWaesoL3f/zo=

-- A webhook names a workspace, and its tenant must be found before the tenant is known. This function is the only way:
-- it returns the tenant's id for the workspace of an active connection of an active tenant, and null otherwise. It runs as
-- konstruct_resolver, a role that cannot log in and sees only the columns compared here.

-- The resolver sees active connections only, and of both tables only the columns that it compares.
CREATE POLICY "resolver_lookup" ON "channel_connections" FOR SELECT TO "konstruct_resolver"
  USING ("status" = 'active');
GRANT SELECT ("tenant_id", "channel_type", "workspace_id", "status") ON "channel_connections" TO "konstruct_resolver";
GRANT SELECT ("id", "status") ON "tenants" TO "konstruct_resolver";

-- BEGIN ATOMIC is parsed now, so no search_path or temporary table can change its meaning. Parsing needs row_security = on.
SET LOCAL row_security = on;

CREATE FUNCTION "resolve_tenant"("channel_type" text, "workspace_id" text) RETURNS uuid
  LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT "c"."tenant_id"
    FROM "public"."channel_connections" AS "c"
    JOIN "public"."tenants" AS "t" ON "t"."id" = "c"."tenant_id"
   WHERE "c"."channel_type" = "resolve_tenant"."channel_type"
     AND "c"."workspace_id" = "resolve_tenant"."workspace_id"
     AND "c"."status" = 'active'
     AND "t"."status" = 'active';
END;

SET LOCAL row_security = off;

COMMENT ON FUNCTION "resolve_tenant"(text, text) IS 'The tenant whose workspace this is, or null.';
REVOKE ALL ON FUNCTION "resolve_tenant"(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "resolve_tenant"(text, text) TO "konstruct_app";

-- Until the handover, the function runs as the owner role, which sees no rows under FORCE, so it would always return null.
-- The new owner temporarily needs CREATE on the schema.
GRANT CREATE ON SCHEMA "public" TO "konstruct_resolver";
ALTER FUNCTION "resolve_tenant"(text, text) OWNER TO "konstruct_resolver";
REVOKE CREATE ON SCHEMA "public" FROM "konstruct_resolver";

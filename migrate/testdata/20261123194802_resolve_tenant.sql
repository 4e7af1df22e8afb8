-- A webhook names a workspace, and its tenant has to be found before any tenant is known. This function is the one way
-- across: it answers a workspace of an active connection of an active tenant with that tenant's id, and anything else
-- with null. It acts as konstruct_resolver, as whom nobody logs in, and who sees no more than the columns compared here.

-- Of connections the resolver sees the active ones, and of both tables the columns that it compares.
CREATE POLICY "resolver_lookup" ON "channel_connections" FOR SELECT TO "konstruct_resolver"
  USING ("status" = 'active');
GRANT SELECT ("tenant_id", "channel_type", "workspace_id", "status") ON "channel_connections" TO "konstruct_resolver";
GRANT SELECT ("id", "status") ON "tenants" TO "konstruct_resolver";

-- BEGIN ATOMIC is parsed here and now, so that no search_path and no temporary table can change what it means. While it
-- is parsed, row_security has to be on.
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

-- The handover. Until it is done, the function acts as the owner, who under FORCE sees no row: it would answer null
-- without a word. The new owner needs CREATE on the schema for as long as this takes.
GRANT CREATE ON SCHEMA "public" TO "konstruct_resolver";
ALTER FUNCTION "resolve_tenant"(text, text) OWNER TO "konstruct_resolver";
REVOKE CREATE ON SCHEMA "public" FROM "konstruct_resolver";

-- Before a tenant is known, or across tenants, these functions answer narrow questions. As resolve_tenant, they run as
-- konstruct_resolver, which cannot log in and sees only the columns compared here. They take the hash of a live session's
-- or a link's token, never a user's id alone, so that they tell no one else who works where.

-- A session is live until it expires, is revoked or is idle for 12 hours, or its user is disabled.
GRANT SELECT ("token_hash", "user_id", "expires_at", "revoked_at", "last_seen_at") ON "portal_sessions" TO "konstruct_resolver";
GRANT SELECT ("id", "is_admin", "disabled_at", "unproven_tenant_id") ON "portal_users" TO "konstruct_resolver";
CREATE POLICY "resolver_lookup" ON "memberships" FOR SELECT TO "konstruct_resolver" USING (true);
GRANT SELECT ("tenant_id", "user_id", "role") ON "memberships" TO "konstruct_resolver";
CREATE POLICY "resolver_lookup" ON "invitations" FOR SELECT TO "konstruct_resolver" USING ("token_hash" IS NOT NULL);
GRANT SELECT ("tenant_id", "token_hash") ON "invitations" TO "konstruct_resolver";

-- Audit events are deleted after 365 days, or with their tenant.
CREATE POLICY "resolver_lookup" ON "audit_events" FOR SELECT TO "konstruct_resolver"
  USING ("created_at" < now() - interval '365 days'
    OR EXISTS (SELECT FROM "tenants" AS "t" WHERE "t"."id" = "tenant_id" AND "t"."status" = 'purging'));
CREATE POLICY "resolver_expiry" ON "audit_events" FOR DELETE TO "konstruct_resolver"
  USING ("created_at" < now() - interval '365 days'
    OR EXISTS (SELECT FROM "tenants" AS "t" WHERE "t"."id" = "tenant_id" AND "t"."status" = 'purging'));
GRANT SELECT ("id", "tenant_id", "created_at"), DELETE ON "audit_events" TO "konstruct_resolver";
GRANT SELECT ("id", "created_at"), DELETE ON "platform_audit_events" TO "konstruct_resolver";

-- BEGIN ATOMIC is parsed now, so no search_path or temporary table can change its meaning. Parsing needs row_security = on.
SET LOCAL row_security = on;

CREATE FUNCTION "session_role"("token_hash" text, "tenant_id" uuid) RETURNS text
  LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT "m"."role"
    FROM "public"."portal_sessions" AS "s"
    JOIN "public"."portal_users" AS "u" ON "u"."id" = "s"."user_id"
    JOIN "public"."memberships" AS "m" ON "m"."user_id" = "s"."user_id"
   WHERE "s"."token_hash" = "session_role"."token_hash"
     AND "m"."tenant_id" = "session_role"."tenant_id"
     AND "s"."revoked_at" IS NULL
     AND "s"."expires_at" > now()
     AND "s"."last_seen_at" > now() - interval '12 hours'
     AND "u"."disabled_at" IS NULL
     AND ("u"."unproven_tenant_id" IS NULL OR "u"."unproven_tenant_id" = "m"."tenant_id");
END;

CREATE FUNCTION "session_tenants"("token_hash" text) RETURNS TABLE ("tenant_id" uuid, "role" text)
  LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT "m"."tenant_id", "m"."role"
    FROM "public"."portal_sessions" AS "s"
    JOIN "public"."portal_users" AS "u" ON "u"."id" = "s"."user_id"
    JOIN "public"."memberships" AS "m" ON "m"."user_id" = "s"."user_id"
   WHERE "s"."token_hash" = "session_tenants"."token_hash"
     AND "s"."revoked_at" IS NULL
     AND "s"."expires_at" > now()
     AND "s"."last_seen_at" > now() - interval '12 hours'
     AND "u"."disabled_at" IS NULL
     AND ("u"."unproven_tenant_id" IS NULL OR "u"."unproven_tenant_id" = "m"."tenant_id");
END;

CREATE FUNCTION "user_tenants"("token_hash" text, "user_id" uuid)
  RETURNS TABLE ("tenant_id" uuid, "role" text, "sole_owner" boolean)
  LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT "m"."tenant_id", "m"."role", "m"."role" = 'owner' AND NOT EXISTS (
           SELECT FROM "public"."memberships" AS "o"
             JOIN "public"."portal_users" AS "ou" ON "ou"."id" = "o"."user_id"
            WHERE "o"."tenant_id" = "m"."tenant_id" AND "o"."user_id" <> "m"."user_id"
              AND "o"."role" = 'owner' AND "ou"."disabled_at" IS NULL)
    FROM "public"."portal_sessions" AS "s"
    JOIN "public"."portal_users" AS "u" ON "u"."id" = "s"."user_id"
    JOIN "public"."memberships" AS "m" ON "m"."user_id" = "user_tenants"."user_id"
   WHERE "s"."token_hash" = "user_tenants"."token_hash"
     AND "s"."revoked_at" IS NULL
     AND "s"."expires_at" > now()
     AND "s"."last_seen_at" > now() - interval '12 hours'
     AND "u"."disabled_at" IS NULL
     AND "u"."is_admin";
END;

CREATE FUNCTION "invitation_tenant"("token_hash" text) RETURNS uuid
  LANGUAGE sql STABLE STRICT SECURITY DEFINER
BEGIN ATOMIC
  SELECT "i"."tenant_id" FROM "public"."invitations" AS "i" WHERE "i"."token_hash" = "invitation_tenant"."token_hash";
END;

CREATE FUNCTION "expire_audit_events"("batch" integer) RETURNS bigint
  LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
BEGIN ATOMIC
  WITH "gone" AS (
    DELETE FROM "public"."audit_events" AS "e" WHERE "e"."id" IN (
      SELECT "c"."id" FROM "public"."audit_events" AS "c"
       WHERE "c"."tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid)
       ORDER BY "c"."created_at" LIMIT "expire_audit_events"."batch")
    RETURNING 1)
  SELECT count(*) FROM "gone";
END;

CREATE FUNCTION "expire_platform_audit_events"("batch" integer) RETURNS bigint
  LANGUAGE sql VOLATILE STRICT SECURITY DEFINER
BEGIN ATOMIC
  WITH "gone" AS (
    DELETE FROM "public"."platform_audit_events" AS "e" WHERE "e"."id" IN (
      SELECT "c"."id" FROM "public"."platform_audit_events" AS "c"
       WHERE "c"."created_at" < now() - interval '365 days'
       ORDER BY "c"."created_at" LIMIT "expire_platform_audit_events"."batch")
    RETURNING 1)
  SELECT count(*) FROM "gone";
END;

SET LOCAL row_security = off;

COMMENT ON FUNCTION "session_role"(text, uuid) IS 'The role of a live session''s user in the tenant, or null.';
COMMENT ON FUNCTION "session_tenants"(text) IS 'The tenants of a live session''s user, with the role in each.';
COMMENT ON FUNCTION "user_tenants"(text, uuid) IS 'The tenants of a user, for a live session of a platform admin.';
COMMENT ON FUNCTION "invitation_tenant"(text) IS 'The tenant of the invitation whose link has this token, or null.';
COMMENT ON FUNCTION "expire_audit_events"(integer) IS 'Deletes events of the current tenant that are older than 365 days, or any while it is purged; returns their number.';
COMMENT ON FUNCTION "expire_platform_audit_events"(integer) IS 'Deletes platform events that are older than 365 days; returns their number.';

REVOKE ALL ON FUNCTION "session_role"(text, uuid), "session_tenants"(text), "user_tenants"(text, uuid),
  "invitation_tenant"(text), "expire_audit_events"(integer), "expire_platform_audit_events"(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "session_role"(text, uuid), "session_tenants"(text), "user_tenants"(text, uuid),
  "invitation_tenant"(text), "expire_audit_events"(integer), "expire_platform_audit_events"(integer) TO "konstruct_app";

-- Until the handover, a function runs as the owner role, which sees no rows under FORCE. The new owner temporarily needs
-- CREATE on the schema.
GRANT CREATE ON SCHEMA "public" TO "konstruct_resolver";
ALTER FUNCTION "session_role"(text, uuid) OWNER TO "konstruct_resolver";
ALTER FUNCTION "session_tenants"(text) OWNER TO "konstruct_resolver";
ALTER FUNCTION "user_tenants"(text, uuid) OWNER TO "konstruct_resolver";
ALTER FUNCTION "invitation_tenant"(text) OWNER TO "konstruct_resolver";
ALTER FUNCTION "expire_audit_events"(integer) OWNER TO "konstruct_resolver";
ALTER FUNCTION "expire_platform_audit_events"(integer) OWNER TO "konstruct_resolver";
REVOKE CREATE ON SCHEMA "public" FROM "konstruct_resolver";

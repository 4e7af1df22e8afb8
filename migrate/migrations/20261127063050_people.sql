-- Modify "portal_sessions" table
ALTER TABLE "portal_sessions" ADD COLUMN "session_id" uuid NOT NULL DEFAULT gen_random_uuid(), ADD COLUMN "user_agent" text NOT NULL DEFAULT '', ADD COLUMN "address" text NOT NULL DEFAULT '';

-- Create index "portal_sessions_session_id_key" to table: "portal_sessions"
CREATE UNIQUE INDEX "portal_sessions_session_id_key" ON "portal_sessions" ("session_id");

-- Modify "tenants" table
ALTER TABLE "tenants" DROP CONSTRAINT "tenants_status_known", ADD CONSTRAINT "tenants_status_known" CHECK (status = ANY (ARRAY['active'::text, 'suspended'::text, 'purging'::text]));

-- Create "mail_outbox" table
CREATE TABLE "mail_outbox" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "kind" text NOT NULL,
  "about_tenant_id" uuid NULL,
  "subject_id" uuid NOT NULL,
  "address" text NOT NULL DEFAULT '',
  "attempts" bigint NOT NULL DEFAULT 0,
  "not_before" timestamptz NOT NULL DEFAULT now(),
  "sent_at" timestamptz NULL,
  "gave_up_at" timestamptz NULL,
  "reason" text NOT NULL DEFAULT '',
  PRIMARY KEY ("id"),
  CONSTRAINT "mail_outbox_ends_once" CHECK ((sent_at IS NULL) OR (gave_up_at IS NULL)),
  CONSTRAINT "mail_outbox_kind_known" CHECK (kind = ANY (ARRAY['invitation'::text, 'password_reset'::text, 'confirm_email'::text, 'email_changed'::text, 'password_changed'::text]))
);

-- Create index "mailoutbox_created_at" to table: "mail_outbox"
CREATE INDEX "mailoutbox_created_at" ON "mail_outbox" ("created_at");

-- Create index "mailoutbox_not_before" to table: "mail_outbox"
CREATE INDEX "mailoutbox_not_before" ON "mail_outbox" ("not_before") WHERE ((sent_at IS NULL) AND (gave_up_at IS NULL));

-- Create "platform_audit_events" table
CREATE TABLE "platform_audit_events" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "actor_id" uuid NULL,
  "action" text NOT NULL,
  "object_type" text NOT NULL DEFAULT '',
  "object_id" uuid NULL,
  "request_id" text NOT NULL DEFAULT '',
  "address" text NOT NULL DEFAULT '',
  "details" jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY ("id"),
  CONSTRAINT "platform_audit_events_action_not_blank" CHECK (btrim(action) <> ''::text),
  CONSTRAINT "platform_audit_events_details_shape" CHECK (jsonb_typeof(details) = 'object'::text)
);

-- Create index "platformauditevent_actor_id_id" to table: "platform_audit_events"
CREATE INDEX "platformauditevent_actor_id_id" ON "platform_audit_events" ("actor_id", "id");

-- Create index "platformauditevent_created_at" to table: "platform_audit_events"
CREATE INDEX "platformauditevent_created_at" ON "platform_audit_events" ("created_at");

-- Create index "platformauditevent_object_id_id" to table: "platform_audit_events"
CREATE INDEX "platformauditevent_object_id_id" ON "platform_audit_events" ("object_id", "id");

-- Create "platform_idempotency_keys" table
CREATE TABLE "platform_idempotency_keys" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "scope" text NOT NULL,
  "request_hash" text NOT NULL,
  "answer" text NOT NULL DEFAULT '',
  PRIMARY KEY ("id"),
  CONSTRAINT "platform_idempotency_keys_request_hash_form" CHECK (request_hash ~ '^[0-9a-f]{64}$'::text),
  CONSTRAINT "platform_idempotency_keys_scope_form" CHECK (scope ~ '^[0-9a-f]{64}$'::text)
);

-- Create index "platformidempotencykey_created_at" to table: "platform_idempotency_keys"
CREATE INDEX "platformidempotencykey_created_at" ON "platform_idempotency_keys" ("created_at");

-- Create index "platformidempotencykey_scope" to table: "platform_idempotency_keys"
CREATE UNIQUE INDEX "platformidempotencykey_scope" ON "platform_idempotency_keys" ("scope");

-- Create "tenant_purges" table
CREATE TABLE "tenant_purges" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "requested_by" uuid NOT NULL,
  "deleted" jsonb NOT NULL DEFAULT '{}',
  "finished_at" timestamptz NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "tenant_purges_deleted_shape" CHECK (jsonb_typeof(deleted) = 'object'::text)
);

-- Create "audit_events" table
CREATE TABLE "audit_events" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "actor_id" uuid NULL,
  "action" text NOT NULL,
  "object_type" text NOT NULL DEFAULT '',
  "object_id" uuid NULL,
  "request_id" text NOT NULL DEFAULT '',
  "address" text NOT NULL DEFAULT '',
  "details" jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY ("id"),
  CONSTRAINT "auditevent_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "audit_events_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "audit_events_action_not_blank" CHECK (btrim(action) <> ''::text),
  CONSTRAINT "audit_events_details_shape" CHECK (jsonb_typeof(details) = 'object'::text)
);

-- Create index "auditevent_tenant_id_actor_id_id" to table: "audit_events"
CREATE INDEX "auditevent_tenant_id_actor_id_id" ON "audit_events" ("tenant_id", "actor_id", "id");

-- Create index "auditevent_tenant_id_created_at" to table: "audit_events"
CREATE INDEX "auditevent_tenant_id_created_at" ON "audit_events" ("tenant_id", "created_at");

-- Create index "auditevent_tenant_id_object_id_id" to table: "audit_events"
CREATE INDEX "auditevent_tenant_id_object_id_id" ON "audit_events" ("tenant_id", "object_id", "id");

-- Create "idempotency_keys" table
CREATE TABLE "idempotency_keys" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "scope" text NOT NULL,
  "request_hash" text NOT NULL,
  "answer" text NOT NULL DEFAULT '',
  PRIMARY KEY ("id"),
  CONSTRAINT "idempotencykey_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "idempotency_keys_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "idempotency_keys_request_hash_form" CHECK (request_hash ~ '^[0-9a-f]{64}$'::text),
  CONSTRAINT "idempotency_keys_scope_form" CHECK (scope ~ '^[0-9a-f]{64}$'::text)
);

-- Create index "idempotencykey_tenant_id_created_at" to table: "idempotency_keys"
CREATE INDEX "idempotencykey_tenant_id_created_at" ON "idempotency_keys" ("tenant_id", "created_at");

-- Create index "idempotencykey_tenant_id_scope" to table: "idempotency_keys"
CREATE UNIQUE INDEX "idempotencykey_tenant_id_scope" ON "idempotency_keys" ("tenant_id", "scope");

-- Create "invitations" table
CREATE TABLE "invitations" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "email" text NOT NULL,
  "role" text NOT NULL,
  "invited_by" uuid NOT NULL,
  "token_hash" text NULL,
  "mailed" boolean NOT NULL DEFAULT false,
  "expires_at" timestamptz NOT NULL,
  "accepted_at" timestamptz NULL,
  "revoked_at" timestamptz NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "invitation_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "invitations_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "invitations_email_normalised" CHECK ((email = lower(btrim(email))) AND (POSITION(('@'::text) IN (email)) > 1)),
  CONSTRAINT "invitations_ends_once" CHECK ((accepted_at IS NULL) OR (revoked_at IS NULL)),
  CONSTRAINT "invitations_role_known" CHECK (role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text])),
  CONSTRAINT "invitations_token_hash_form" CHECK (token_hash ~ '^[0-9a-f]{64}$'::text)
);

-- Create index "invitation_tenant_id_created_at" to table: "invitations"
CREATE INDEX "invitation_tenant_id_created_at" ON "invitations" ("tenant_id", "created_at");

-- Create index "invitation_tenant_id_email" to table: "invitations"
CREATE UNIQUE INDEX "invitation_tenant_id_email" ON "invitations" ("tenant_id", "email") WHERE ((accepted_at IS NULL) AND (revoked_at IS NULL));

-- Create index "invitation_token_hash" to table: "invitations"
CREATE UNIQUE INDEX "invitation_token_hash" ON "invitations" ("token_hash");

-- Modify "portal_users" table
ALTER TABLE "portal_users" ADD COLUMN "unproven_tenant_id" uuid NULL, ADD COLUMN "erased_at" timestamptz NULL;

-- Create "memberships" table
CREATE TABLE "memberships" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "role" text NOT NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "membership_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "memberships_portal_users_memberships" FOREIGN KEY ("user_id") REFERENCES "portal_users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "memberships_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "memberships_role_known" CHECK (role = ANY (ARRAY['owner'::text, 'editor'::text, 'viewer'::text]))
);

-- Create index "membership_tenant_id_user_id" to table: "memberships"
CREATE UNIQUE INDEX "membership_tenant_id_user_id" ON "memberships" ("tenant_id", "user_id");

-- Create index "membership_user_id" to table: "memberships"
CREATE INDEX "membership_user_id" ON "memberships" ("user_id");

-- Create "portal_links" table
CREATE TABLE "portal_links" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "kind" text NOT NULL,
  "email" text NOT NULL,
  "token_hash" text NULL,
  "expires_at" timestamptz NOT NULL,
  "used_at" timestamptz NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "portal_links_portal_users_links" FOREIGN KEY ("user_id") REFERENCES "portal_users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "portal_links_email_normalised" CHECK ((email = lower(btrim(email))) AND (POSITION(('@'::text) IN (email)) > 1)),
  CONSTRAINT "portal_links_kind_known" CHECK (kind = ANY (ARRAY['password_reset'::text, 'confirm_email'::text])),
  CONSTRAINT "portal_links_token_hash_form" CHECK (token_hash ~ '^[0-9a-f]{64}$'::text)
);

-- Create index "portal_links_token_hash_key" to table: "portal_links"
CREATE UNIQUE INDEX "portal_links_token_hash_key" ON "portal_links" ("token_hash");

-- Create index "portallink_expires_at" to table: "portal_links"
CREATE INDEX "portallink_expires_at" ON "portal_links" ("expires_at");

-- Create index "portallink_user_id" to table: "portal_links"
CREATE INDEX "portallink_user_id" ON "portal_links" ("user_id");

-- audit_events: tenant-scoped
ALTER TABLE "audit_events" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "audit_events" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "audit_events" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "audit_events" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT ON "audit_events" TO "konstruct_app";

-- idempotency_keys: tenant-scoped
ALTER TABLE "idempotency_keys" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "idempotency_keys" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "idempotency_keys" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "idempotency_keys" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "idempotency_keys" TO "konstruct_app";

-- invitations: tenant-scoped
ALTER TABLE "invitations" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "invitations" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "invitations" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "invitations" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "invitations" TO "konstruct_app";

-- mail_outbox: ids of what is to be mailed, to users of any tenant or of none
GRANT SELECT, INSERT, UPDATE, DELETE ON "mail_outbox" TO "konstruct_app";

-- memberships: tenant-scoped
ALTER TABLE "memberships" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "memberships" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "memberships" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "memberships" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "memberships" TO "konstruct_app";

-- platform_audit_events: what was done outside of a tenant
GRANT SELECT, INSERT ON "platform_audit_events" TO "konstruct_app";

-- platform_idempotency_keys: answers to requests outside of a tenant
GRANT SELECT, INSERT, UPDATE, DELETE ON "platform_idempotency_keys" TO "konstruct_app";

-- portal_links: a link of a portal user, who may belong to several tenants
GRANT SELECT, INSERT, UPDATE, DELETE ON "portal_links" TO "konstruct_app";

-- tenant_purges: remains after its tenant is deleted
GRANT SELECT, INSERT, UPDATE, DELETE ON "tenant_purges" TO "konstruct_app";

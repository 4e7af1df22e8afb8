-- Create "login_attempts" table
CREATE TABLE "login_attempts" (
  "key" text NOT NULL,
  "count" bigint NOT NULL,
  "window_ends" timestamptz NOT NULL,
  PRIMARY KEY ("key"),
  CONSTRAINT "login_attempts_count_positive" CHECK (count > 0)
);

-- Create index "loginattempt_window_ends" to table: "login_attempts"
CREATE INDEX "loginattempt_window_ends" ON "login_attempts" ("window_ends");

-- Create "tenants" table
CREATE TABLE "tenants" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "name" text NOT NULL,
  "slug" text NOT NULL,
  "status" text NOT NULL DEFAULT 'active',
  "settings" jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY ("id"),
  CONSTRAINT "tenants_name_not_blank" CHECK (btrim(name) <> ''::text),
  CONSTRAINT "tenants_settings_shape" CHECK (jsonb_typeof(settings) = 'object'::text),
  CONSTRAINT "tenants_slug_form" CHECK ((slug ~ '^[a-z0-9](-?[a-z0-9])*$'::text) AND (length(slug) <= 63)),
  CONSTRAINT "tenants_status_known" CHECK (status = ANY (ARRAY['active'::text, 'suspended'::text]))
);

-- Create index "tenants_name_key" to table: "tenants"
CREATE UNIQUE INDEX "tenants_name_key" ON "tenants" ("name");

-- Create index "tenants_slug_key" to table: "tenants"
CREATE UNIQUE INDEX "tenants_slug_key" ON "tenants" ("slug");

-- Create "agents" table
CREATE TABLE "agents" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "name" text NOT NULL,
  "role" text NOT NULL DEFAULT '',
  "persona" text NOT NULL DEFAULT '',
  "system_prompt" text NOT NULL DEFAULT '',
  "model_preference" text NOT NULL DEFAULT 'quality',
  "tool_assignments" jsonb NOT NULL DEFAULT '[]',
  "escalation_rules" jsonb NOT NULL DEFAULT '[]',
  "is_active" boolean NOT NULL DEFAULT true,
  PRIMARY KEY ("id"),
  CONSTRAINT "agent_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "agents_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "agents_escalation_rules_shape" CHECK (jsonb_typeof(escalation_rules) = 'array'::text),
  CONSTRAINT "agents_name_not_blank" CHECK (btrim(name) <> ''::text),
  CONSTRAINT "agents_tool_assignments_shape" CHECK (jsonb_typeof(tool_assignments) = 'array'::text)
);

-- Create "channel_connections" table
CREATE TABLE "channel_connections" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "channel_type" text NOT NULL,
  "workspace_id" text NOT NULL,
  "status" text NOT NULL DEFAULT 'pending',
  "config" jsonb NOT NULL DEFAULT '{}',
  "secrets" jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY ("id"),
  CONSTRAINT "channelconnection_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "channel_connections_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "channel_connections_channel_type_known" CHECK (channel_type = ANY (ARRAY['slack'::text, 'whatsapp'::text, 'mattermost'::text])),
  CONSTRAINT "channel_connections_config_shape" CHECK (jsonb_typeof(config) = 'object'::text),
  CONSTRAINT "channel_connections_secrets_shape" CHECK (jsonb_typeof(secrets) = 'object'::text),
  CONSTRAINT "channel_connections_status_known" CHECK (status = ANY (ARRAY['pending'::text, 'active'::text, 'revoked'::text])),
  CONSTRAINT "channel_connections_workspace_id_not_blank" CHECK (btrim(workspace_id) <> ''::text)
);

-- Create index "channelconnection_channel_type_workspace_id" to table: "channel_connections"
CREATE UNIQUE INDEX "channelconnection_channel_type_workspace_id" ON "channel_connections" ("channel_type", "workspace_id");

-- Create "portal_users" table
CREATE TABLE "portal_users" (
  "id" uuid NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  "email" text NOT NULL,
  "hashed_password" text NOT NULL,
  "name" text NOT NULL,
  "is_admin" boolean NOT NULL DEFAULT false,
  "disabled_at" timestamptz NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "portal_users_email_normalised" CHECK ((email = lower(btrim(email))) AND (POSITION(('@'::text) IN (email)) > 1)),
  CONSTRAINT "portal_users_name_not_blank" CHECK (btrim(name) <> ''::text)
);

-- Create index "portal_users_email_key" to table: "portal_users"
CREATE UNIQUE INDEX "portal_users_email_key" ON "portal_users" ("email");

-- Create "portal_sessions" table
CREATE TABLE "portal_sessions" (
  "token_hash" text NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "last_seen_at" timestamptz NOT NULL DEFAULT now(),
  "expires_at" timestamptz NOT NULL,
  "revoked_at" timestamptz NULL,
  "user_id" uuid NOT NULL,
  PRIMARY KEY ("token_hash"),
  CONSTRAINT "portal_sessions_portal_users_sessions" FOREIGN KEY ("user_id") REFERENCES "portal_users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "portal_sessions_ends_later" CHECK (expires_at > created_at),
  CONSTRAINT "portal_sessions_token_hash_form" CHECK (token_hash ~ '^[0-9a-f]{64}$'::text)
);

-- Create index "portalsession_expires_at" to table: "portal_sessions"
CREATE INDEX "portalsession_expires_at" ON "portal_sessions" ("expires_at");

-- Create index "portalsession_user_id" to table: "portal_sessions"
CREATE INDEX "portalsession_user_id" ON "portal_sessions" ("user_id");

-- login_attempts: counted before anybody is known; its keys are hashes
GRANT SELECT, INSERT, UPDATE, DELETE ON "login_attempts" TO "konstruct_app";

-- tenants: the tenants themselves: a platform admin lists all of them
GRANT SELECT, INSERT, UPDATE, DELETE ON "tenants" TO "konstruct_app";

-- agents: its rows belong to one tenant
ALTER TABLE "agents" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "agents" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "agents" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "agents" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "agents" TO "konstruct_app";

-- channel_connections: its rows belong to one tenant
ALTER TABLE "channel_connections" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "channel_connections" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "channel_connections" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "channel_connections" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "channel_connections" TO "konstruct_app";

-- portal_users: a person may come to work for several tenants, and logs in before any is chosen
GRANT SELECT, INSERT, UPDATE, DELETE ON "portal_users" TO "konstruct_app";

-- portal_sessions: a login belongs to a portal user, and is read before any tenant is known
GRANT SELECT, INSERT, UPDATE, DELETE ON "portal_sessions" TO "konstruct_app";

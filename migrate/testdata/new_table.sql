-- Create "notes" table
CREATE TABLE "notes" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "slug" text NOT NULL,
  "parent_id" uuid NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "notes_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "notes_parent_id" FOREIGN KEY ("tenant_id", "parent_id") REFERENCES "notes" ("tenant_id", "id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "notes_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION
);

-- Create index "notes_unique" to table: "notes"
CREATE UNIQUE INDEX "notes_unique" ON "notes" ("tenant_id", "slug");

-- notes: tenant-scoped
ALTER TABLE "notes" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "notes" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "notes" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "notes" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "notes" TO "konstruct_app";

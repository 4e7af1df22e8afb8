-- Create "labels" table
CREATE TABLE "labels" (
  "id" uuid NOT NULL,
  "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid,
  "tag_id" uuid NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "labels_tenant_id_id" UNIQUE ("tenant_id", "id"),
  CONSTRAINT "labels_tag_id" FOREIGN KEY ("tenant_id", "tag_id") REFERENCES "tags" ("tenant_id", "id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "labels_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION
);

-- Create index "labels_unique" to table: "labels"
CREATE UNIQUE INDEX "labels_unique" ON "labels" ("tenant_id", "tag_id");

-- Modify "notes" table
ALTER TABLE "notes" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE "tags" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE "notes" ADD COLUMN "tag_id" uuid NULL, ADD CONSTRAINT "notes_tag_id" FOREIGN KEY ("tenant_id", "tag_id") REFERENCES "tags" ("tenant_id", "id") ON UPDATE NO ACTION ON DELETE NO ACTION;
ALTER TABLE "notes" FORCE ROW LEVEL SECURITY;
ALTER TABLE "tags" FORCE ROW LEVEL SECURITY;

-- labels: tenant-scoped
ALTER TABLE "labels" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "labels" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "labels" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "labels" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON "labels" TO "konstruct_app";

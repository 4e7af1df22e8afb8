-- Modify "hints" table
ALTER TABLE "hints" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE "hints" ALTER COLUMN "tenant_id" SET DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid, ADD CONSTRAINT "hints_tenant_id_id" UNIQUE ("tenant_id", "id"), ADD CONSTRAINT "hints_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION;
ALTER TABLE "hints" FORCE ROW LEVEL SECURITY;

-- Modify "labels" table
ALTER TABLE "labels" ADD COLUMN "tenant_id" uuid NOT NULL DEFAULT (NULLIF(current_setting('app.current_tenant'::text, true), ''::text))::uuid, ADD COLUMN "referred_by" uuid NULL, ADD CONSTRAINT "labels_tenant_id_id" UNIQUE ("tenant_id", "id"), ADD CONSTRAINT "labels_referred_by" FOREIGN KEY ("referred_by") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, ADD CONSTRAINT "labels_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION;

-- hints: tenant-scoped
ALTER TABLE "hints" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "hints" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "hints" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "hints" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

-- labels: tenant-scoped
ALTER TABLE "labels" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "labels" FORCE ROW LEVEL SECURITY;
CREATE POLICY "tenant_isolation" ON "labels" TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY "tenant_floor" ON "labels" AS RESTRICTIVE TO "konstruct_app"
  USING ("tenant_id" = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

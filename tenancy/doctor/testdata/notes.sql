SET ROLE konstruct_owner;
CREATE TABLE public.notes (
  id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL DEFAULT NULLIF(current_setting('app.current_tenant', true), '')::uuid
    REFERENCES public.tenants (id),
  agent_id uuid,
  slug text,
  UNIQUE (tenant_id, id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.notes TO konstruct_app;
ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.notes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.notes TO konstruct_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY tenant_floor ON public.notes AS RESTRICTIVE TO konstruct_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

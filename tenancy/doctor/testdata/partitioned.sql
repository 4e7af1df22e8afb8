SET ROLE konstruct_owner;
CREATE TABLE public.events (
  id uuid, tenant_id uuid NOT NULL REFERENCES public.tenants (id), PRIMARY KEY (tenant_id, id)
) PARTITION BY HASH (tenant_id);
CREATE TABLE public.events_1 PARTITION OF public.events FOR VALUES WITH (MODULUS 1, REMAINDER 0);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.events TO konstruct_app;
ALTER TABLE public.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.events TO konstruct_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));
CREATE POLICY tenant_floor ON public.events AS RESTRICTIVE TO konstruct_app
  USING (tenant_id = (SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid));

INSERT INTO audit_events (id, tenant_id, action) SELECT gen_random_uuid(), tenants.id, 'seed' FROM tenants, generate_series(1, 2);

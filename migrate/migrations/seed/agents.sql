INSERT INTO agents (id, tenant_id, name) SELECT gen_random_uuid(), tenants.id, 'seed' FROM tenants, generate_series(1, 2);

INSERT INTO platform_audit_events (id, action) SELECT gen_random_uuid(), 'seed' FROM generate_series(1, 2);

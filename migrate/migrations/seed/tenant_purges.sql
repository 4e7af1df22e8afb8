INSERT INTO tenant_purges (id, requested_by) SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 2);

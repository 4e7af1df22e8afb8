INSERT INTO tenants (id, name, slug) SELECT gen_random_uuid(), 'Seed ' || n, 'seed-' || n FROM generate_series(1, 2) AS n;

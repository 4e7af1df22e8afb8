INSERT INTO portal_users (id, email, hashed_password, name)
SELECT gen_random_uuid(), 'seed-' || n || '@example.invalid', 'seed', 'seed' FROM generate_series(1, 2) AS n;

INSERT INTO invitations (id, tenant_id, email, role, invited_by, expires_at)
SELECT gen_random_uuid(), tenants.id, 'seed-' || n || '@example.invalid', 'viewer', gen_random_uuid(), now()
FROM tenants, generate_series(1, 2) AS n;

INSERT INTO idempotency_keys (id, tenant_id, scope, request_hash)
SELECT gen_random_uuid(), tenants.id, encode(sha256(n::text::bytea), 'hex'), repeat('0', 64) FROM tenants, generate_series(1, 2) AS n;

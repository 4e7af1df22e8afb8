INSERT INTO platform_idempotency_keys (id, scope, request_hash)
SELECT gen_random_uuid(), encode(sha256(n::text::bytea), 'hex'), repeat('0', 64) FROM generate_series(1, 2) AS n;

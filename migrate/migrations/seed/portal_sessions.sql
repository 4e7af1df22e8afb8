INSERT INTO portal_sessions (token_hash, expires_at, user_id)
SELECT encode(sha256(gen_random_uuid()::text::bytea), 'hex'), now() + interval '1 hour', portal_users.id FROM portal_users;

INSERT INTO portal_links (id, kind, email, expires_at, user_id)
SELECT gen_random_uuid(), 'password_reset', email, now() + interval '1 hour', id FROM portal_users;

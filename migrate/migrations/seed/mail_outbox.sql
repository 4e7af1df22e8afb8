INSERT INTO mail_outbox (id, kind, subject_id) SELECT gen_random_uuid(), 'password_reset', gen_random_uuid() FROM generate_series(1, 2);

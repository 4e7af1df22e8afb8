INSERT INTO login_attempts (key, count, window_ends) SELECT 'seed-' || n, 1, now() FROM generate_series(1, 2) AS n;

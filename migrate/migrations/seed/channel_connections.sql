INSERT INTO channel_connections (id, tenant_id, channel_type, workspace_id)
SELECT gen_random_uuid(), tenants.id, 'slack', gen_random_uuid() FROM tenants, generate_series(1, 2);

INSERT INTO memberships (id, tenant_id, user_id, role) SELECT gen_random_uuid(), tenants.id, portal_users.id, 'viewer' FROM tenants, portal_users;

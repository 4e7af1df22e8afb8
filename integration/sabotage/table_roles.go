package main

// roleSaboteurs change the whole server, so each has a server.
func roleSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "role-superuser", removes: "that the application is not a superuser",
			roles: true, plant: "ALTER ROLE konstruct_app SUPERUSER",
			doctor: []string{"role.superuser"}, attacks: append(crossing(), "A03-attributes"),
		},
		{
			id: "role-bypassrls", removes: "that row-level security applies to the application (no BYPASSRLS)",
			roles: true, plant: "ALTER ROLE konstruct_app BYPASSRLS",
			doctor: []string{"role.bypassrls"}, attacks: append(crossing(), "A03-attributes"),
		},
		{
			id: "role-createrole", removes: "that the application cannot create roles",
			roles: true, plant: "ALTER ROLE konstruct_app CREATEROLE",
			doctor: []string{"role.createrole"}, attacks: []string{"A03-attributes"},
		},
		{
			id: "role-replication", removes: "that the application has no REPLICATION, to which no policy applies",
			roles: true, plant: "ALTER ROLE konstruct_app REPLICATION",
			doctor: []string{"role.replication"}, attacks: []string{"A03-attributes"},
		},
		{
			id: "role-owner", removes: "that the application owns nothing (a table)",
			roles: true, plant: "ALTER TABLE agents OWNER TO konstruct_app",
			doctor: []string{"role.owns"}, attacks: []string{"A02-owner"},
		},
		{
			id: "role-member-of-owner", removes: "that the application is a member of nothing (the owner)",
			roles: true, plant: "GRANT konstruct_owner TO konstruct_app",
			doctor: []string{"role.member"}, attacks: []string{"A04-member", "A04-set-role"},
		},
		{
			id: "role-member-of-resolver", removes: "that the application is a member of nothing (the resolver)",
			roles: true, plant: "GRANT konstruct_resolver TO konstruct_app",
			doctor: []string{"role.member"}, attacks: []string{"A04-member", "A04-set-role"},
		},
		{
			id: "role-member-of-readers", removes: "that the application is a member of nothing (pg_read_all_data)",
			roles: true, plant: "GRANT pg_read_all_data TO konstruct_app",
			doctor: []string{"role.member"}, attacks: []string{"A04-member"},
		},
		{
			id: "role-inherits", removes: "NOINHERIT",
			roles: true, plant: "ALTER ROLE konstruct_app INHERIT", doctor: []string{"role.inherit"}, attacks: []string{"A03-attributes"},
		},
		{
			id: "role-resolver-login", removes: "that the resolver's role cannot log in", held: "the resolver has no password, and its grants are a few columns",
			roles: true, plant: "ALTER ROLE konstruct_resolver LOGIN", doctor: []string{"definer.role"},
		},
		{
			id: "role-resolver-bypassrls", removes: "that the resolver's own policies apply to it, which keep audit events for 365 days",
			roles: true, plant: "ALTER ROLE konstruct_resolver BYPASSRLS", doctor: []string{"definer.role"}, attacks: []string{"E61-expire-young"},
		},
		{
			id: "role-owner-bypassrls", removes: "that FORCE applies to the owner", held: "the application cannot become the owner",
			roles: true, plant: "ALTER ROLE konstruct_owner BYPASSRLS", doctor: []string{"owner.bypass"},
		},
		{
			id: "role-parameter", removes: "that the application cannot disable triggers and foreign keys",
			roles: true, plant: "GRANT SET ON PARAMETER session_replication_role TO konstruct_app",
			doctor: []string{"platform.parameter"}, attacks: []string{"A69-replication-role"},
		},
	}
}

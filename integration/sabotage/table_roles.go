package main

// roleSaboteurs change the whole server, so each has a server.
func roleSaboteurs() []saboteur {
	return []saboteur{
		{
			id: "role-superuser", layer: layerRoles, removes: "that the application is not a superuser",
			data: &data{
				roles: true, plant: "ALTER ROLE konstruct_app SUPERUSER",
				doctor: []string{"role.superuser"}, attacks: append(crossing(), "A03-attributes"),
			},
		},
		{
			id: "role-bypassrls", layer: layerRoles, removes: "that row-level security applies to the application (no BYPASSRLS)",
			data: &data{
				roles: true, plant: "ALTER ROLE konstruct_app BYPASSRLS",
				doctor: []string{"role.bypassrls"}, attacks: append(crossing(), "A03-attributes"),
			},
		},
		{
			id: "role-createrole", layer: layerRoles, removes: "that the application cannot create roles",
			data: &data{
				roles: true, plant: "ALTER ROLE konstruct_app CREATEROLE",
				doctor: []string{"role.createrole"}, attacks: []string{"A03-attributes"},
			},
		},
		{
			id: "role-replication", layer: layerRoles, removes: "that the application has no REPLICATION, to which no policy applies",
			data: &data{
				roles: true, plant: "ALTER ROLE konstruct_app REPLICATION",
				doctor: []string{"role.replication"}, attacks: []string{"A03-attributes"},
			},
		},
		{
			id: "role-owner", layer: layerRoles, removes: "that the application owns nothing (a table)",
			data: &data{
				roles: true, plant: "ALTER TABLE agents OWNER TO konstruct_app",
				doctor: []string{"role.owns"}, attacks: []string{"A02-owner"},
			},
		},
		{
			id: "role-member-of-owner", layer: layerRoles, removes: "that the application is a member of nothing (the owner)",
			data: &data{
				roles: true, plant: "GRANT konstruct_owner TO konstruct_app",
				doctor: []string{"role.member"}, attacks: []string{"A04-member", "A04-set-role"},
			},
		},
		{
			id: "role-member-of-resolver", layer: layerRoles, removes: "that the application is a member of nothing (the resolver)",
			data: &data{
				roles: true, plant: "GRANT konstruct_resolver TO konstruct_app",
				doctor: []string{"role.member"}, attacks: []string{"A04-member", "A04-set-role"},
			},
		},
		{
			id: "role-member-of-readers", layer: layerRoles, removes: "that the application is a member of nothing (pg_read_all_data)",
			data: &data{
				roles: true, plant: "GRANT pg_read_all_data TO konstruct_app",
				doctor: []string{"role.member"}, attacks: []string{"A04-member"},
			},
		},
		{
			id: "role-inherits", layer: layerRoles, removes: "NOINHERIT",
			data: &data{roles: true, plant: "ALTER ROLE konstruct_app INHERIT", doctor: []string{"role.inherit"}, attacks: []string{"A03-attributes"}},
		},
		{
			id: "role-resolver-login", layer: layerRoles, removes: "that the resolver's role cannot log in", held: "the resolver has no password, and its grants are a few columns",
			data: &data{roles: true, plant: "ALTER ROLE konstruct_resolver LOGIN", doctor: []string{"definer.role"}},
		},
		{
			id: "role-resolver-bypassrls", layer: layerRoles, removes: "that the resolver's own policy applies to it", held: "its one function selects active connections",
			data: &data{roles: true, plant: "ALTER ROLE konstruct_resolver BYPASSRLS", doctor: []string{"definer.role"}},
		},
		{
			id: "role-owner-bypassrls", layer: layerRoles, removes: "that FORCE applies to the owner", held: "the application cannot become the owner",
			data: &data{roles: true, plant: "ALTER ROLE konstruct_owner BYPASSRLS", doctor: []string{"owner.bypass"}},
		},
		{
			id: "role-parameter", layer: layerRoles, removes: "that the application cannot disable triggers and foreign keys",
			data: &data{
				roles: true, plant: "GRANT SET ON PARAMETER session_replication_role TO konstruct_app",
				doctor: []string{"platform.parameter"}, attacks: []string{"A69-replication-role"},
			},
		},
	}
}

package doctor

// facts are the roles, settings and grants. Each field is a section of sql/facts.sql.
type facts struct {
	Server       server              `json:"server"`
	Roles        map[string][]string `json:"roles"` // attributes as in ALTER ROLE, by name
	Memberships  []membership        `json:"memberships"`
	Owned        []owned             `json:"owned"`
	Settings     []preset            `json:"settings"`
	SystemGrants []systemGrant       `json:"system_grants"`
	Mappings     []mapping           `json:"mappings"`
}

type server struct {
	VersionNum      int    `json:"version_num"`
	Version         string `json:"version"`
	Database        string `json:"database"`
	Encoding        string `json:"encoding"`
	Role            string `json:"role"`
	Login           string `json:"login"`
	HasTenant       bool   `json:"has_tenant"`
	RowSecurity     string `json:"row_security"`
	ReplicationRole string `json:"replication_role"`
	FirstSchema     string `json:"first_schema"`
}

type membership struct {
	Role     string `json:"role"`
	Member   string `json:"member"`
	Grantor  string `json:"grantor"`
	CanSet   bool   `json:"can_set"`
	Inherits bool   `json:"inherits"`
}

type owned struct {
	Type     string `json:"type"`
	Identity string `json:"identity"`
}

// preset is a default setting of connections. Scope is as in ALTER. Listed means that the spec allows the value.
type preset struct {
	Name   string `json:"name"`
	Scope  string `json:"scope"`
	Listed bool   `json:"listed"`
}

type systemGrant struct {
	Kind      string `json:"kind"`
	Identity  string `json:"identity"`
	Grantee   string `json:"grantee"`
	Privilege string `json:"privilege"`
	// Family is "large-objects", "advisory-locks" or "signals" for functions that PUBLIC may execute by default.
	Family string `json:"family"`
}

type mapping struct {
	Server string `json:"server"`
	Role   string `json:"role"`
}

package doctor

// facts are what a check reads besides objects. Each field is a section of sql/facts.sql.
type facts struct {
	Server       server              `json:"server"`
	Roles        map[string][]string `json:"roles"` // attributes, in the words of ALTER ROLE, by name
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

// preset is a setting that connections begin with. Scope says for whom, in the words of ALTER. It is listed if the
// spec allows it with its value.
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
	// Family is what PUBLIC holds from the start: "large-objects", "advisory-locks" or "signals".
	Family string `json:"family"`
}

type mapping struct {
	Server string `json:"server"`
	Role   string `json:"role"`
}

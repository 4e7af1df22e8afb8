package doctor

// The rows of the sections in sql/facts.

type server struct {
	VersionNum      int    `json:"version_num"`
	Version         string `json:"version"`
	Database        string `json:"database"`
	Encoding        string `json:"encoding"`
	DatabaseOwner   string `json:"database_owner"`
	Role            string `json:"role"`
	Login           string `json:"login"`
	HasTenant       bool   `json:"has_tenant"`
	RowSecurity     string `json:"row_security"`
	ReplicationRole string `json:"replication_role"`
	FirstSchema     string `json:"first_schema"`
}

type role struct {
	Name        string `json:"name"`
	Superuser   bool   `json:"superuser"`
	BypassRLS   bool   `json:"bypassrls"`
	CreateRole  bool   `json:"createrole"`
	CreateDB    bool   `json:"createdb"`
	Replication bool   `json:"replication"`
	Inherit     bool   `json:"inherit"`
	Login       bool   `json:"login"`
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

type preset struct {
	Name       string `json:"name"`
	ForRole    bool   `json:"for_role"`
	InDatabase bool   `json:"in_database"`
}

type systemGrant struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Identity  string `json:"identity"`
	Grantee   string `json:"grantee"`
	Privilege string `json:"privilege"`
	Column    string `json:"column"`
	ByDefault bool   `json:"by_default"`
}

type mapping struct {
	Server string `json:"server"`
	Role   string `json:"role"`
}

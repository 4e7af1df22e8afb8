package doctor

// The rows of the sections in snapshot/.

type server struct {
	VersionNum      int    `json:"version_num"`
	Version         string `json:"version"`
	Database        string `json:"database"`
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

// object is anything that lives in a schema.
type object struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

type relation struct {
	object

	Kind          string `json:"kind"`
	Owner         string `json:"owner"`
	RLS           bool   `json:"rls"`
	Forced        bool   `json:"forced"`
	HasTenant     bool   `json:"has_tenant"`
	TenantNotNull bool   `json:"tenant_not_null"`
	TenantType    string `json:"tenant_type"`
	Invoker       bool   `json:"invoker"`
	Extension     bool   `json:"extension"`
}

type child struct {
	object

	ParentSchema string `json:"parent_schema"`
	ParentName   string `json:"parent_name"`
	IsPartition  bool   `json:"is_partition"`
}

type policy struct {
	Schema     string   `json:"schema"`
	Table      string   `json:"table"`
	Name       string   `json:"name"`
	Command    string   `json:"command"`
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles"`
	Using      string   `json:"using"`
	Check      string   `json:"check"`
	Calls      []string `json:"calls"`
}

type foreignKey struct {
	Schema     string   `json:"schema"`
	Table      string   `json:"table"`
	Name       string   `json:"name"`
	RefSchema  string   `json:"ref_schema"`
	RefTable   string   `json:"ref_table"`
	Columns    []string `json:"columns"`
	RefColumns []string `json:"ref_columns"`
	SetColumns []string `json:"set_columns"`
	OnDelete   string   `json:"on_delete"`
	OnUpdate   string   `json:"on_update"`
	MatchFull  bool     `json:"match_full"`
	Deferrable bool     `json:"deferrable"`
	Deferred   bool     `json:"deferred"`
}

type uniqueKey struct {
	Schema         string   `json:"schema"`
	Table          string   `json:"table"`
	Name           string   `json:"name"`
	IsPrimary      bool     `json:"is_primary"`
	IsExclusion    bool     `json:"is_exclusion"`
	ConstraintName string   `json:"constraint_name"`
	ConstraintDef  string   `json:"constraint_def"`
	IndexDef       string   `json:"index_def"`
	Columns        []string `json:"columns"`
	AllUUID        bool     `json:"all_uuid"`
}

type numbered struct {
	Schema         string `json:"schema"`
	Table          string `json:"table"`
	Column         string `json:"column"`
	IsIdentity     bool   `json:"is_identity"`
	SequenceSchema string `json:"sequence_schema"`
	SequenceName   string `json:"sequence_name"`
}

type trigger struct {
	Kind   string `json:"kind"`
	Schema string `json:"schema"`
	Table  string `json:"table"`
	Name   string `json:"name"`
}

type function struct {
	Schema    string   `json:"schema"`
	Signature string   `json:"signature"`
	Identity  string   `json:"identity"`
	Owner     string   `json:"owner"`
	Definer   bool     `json:"definer"`
	Leakproof bool     `json:"leakproof"`
	Untrusted bool     `json:"untrusted"`
	Atomic    bool     `json:"atomic"`
	Config    []string `json:"config"`
	Extension bool     `json:"extension"`
}

type grant struct {
	Kind      string `json:"kind"`
	Object    string `json:"object"`
	Identity  string `json:"identity"`
	Extension bool   `json:"extension"`
	Grantee   string `json:"grantee"`
	Privilege string `json:"privilege"`
	Grantable bool   `json:"grantable"`
	Column    string `json:"column"`
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

type defaultGrant struct {
	Role      string `json:"role"`
	Schema    string `json:"schema"`
	Kind      string `json:"kind"`
	Grantee   string `json:"grantee"`
	Privilege string `json:"privilege"`
}

type outside struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

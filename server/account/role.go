package account

import "slices"

// Role is what a user may do in a tenant.
type Role string

// The roles. Each includes the ones before it.
const (
	Viewer Role = "viewer"
	Editor Role = "editor"
	Owner  Role = "owner"
)

// Includes reports whether r may do what needed may do. The empty role may do nothing.
func (r Role) Includes(needed Role) bool {
	order := []Role{Viewer, Editor, Owner}
	return slices.Contains(order, r) && slices.Index(order, r) >= slices.Index(order, needed)
}

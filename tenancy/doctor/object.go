package doctor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Object is one object of a database: a table, a column, a policy, a grant, and so on.
type Object struct {
	// Kind is "table", "column", "constraint", "index", "trigger", "rule", "policy", "function", "grant", and so on.
	Kind string `json:"kind"`
	// Name is quoted for SQL and unique per kind and relation.
	Name string `json:"name"`
	// On is the relation of the object ("public.agents"), if any.
	On string `json:"on,omitempty"`
	// Props are the compared properties. Default values are omitted.
	Props map[string]string `json:"props,omitempty"`
}

// key identifies an object within a database.
type key struct{ kind, on, name string }

func (o Object) key() key { return key{o.Kind, o.On, o.Name} }

func tableKey(name string) key { return key{"table", "", name} }

// String returns a name such as "policy tenant_floor on public.agents".
func (o Object) String() string {
	switch {
	case o.Kind == "column":
		return "column " + o.On + "." + o.Name
	case o.Kind == "child":
		return fmt.Sprintf("table %s: child of %s", o.Name, o.On)
	case o.Kind == "constraint" && o.Props["type"] == "f":
		return fmt.Sprintf("foreign key %s on %s", o.Name, o.On)
	case o.Kind == "index" && o.Props["unique"] != "":
		return fmt.Sprintf("unique key %s on %s", o.Name, o.On)
	case o.On != "":
		return fmt.Sprintf("%s %s on %s", o.Kind, o.Name, o.On)
	default:
		return o.Kind + " " + o.Name
	}
}

func (o Object) equal(p Object) bool { return maps.Equal(o.Props, p.Props) }

func (o Object) with(prop, value string) Object {
	o.Props = maps.Clone(o.Props)
	o.Props[prop] = value
	return o
}

// differing returns the names of the properties that differ, sorted.
func (o Object) differing(p Object) []string {
	var out []string
	for name := range merged(o.Props, p.Props) {
		if o.Props[name] != p.Props[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (o Object) schema() string {
	name := o.Name
	switch {
	case o.On != "":
		name = o.On
	case o.Kind == "schema":
		return name
	case o.Kind == "grant":
		name = o.Props["object"]
	case o.Props["schema"] != "":
		return o.Props["schema"]
	}
	if m := qualifier.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// qualifier matches the schema of a name as PostgreSQL prints it.
var qualifier = regexp.MustCompile(`^("(?:[^"]|"")*"|[^".]+)\.`)

// Snapshot is every object that a chain of migrations makes.
type Snapshot struct {
	// Versions are the last applied migrations, by schema of the chain's revision table.
	Versions map[string]string `json:"versions"`
	// Objects are sorted by kind, relation and name.
	Objects []Object `json:"objects"`
}

// ParseSnapshot parses the output of [Snapshot.Encode].
func ParseSnapshot(text []byte) (Snapshot, error) {
	var s Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}

// Encode returns the snapshot as JSON with one object per line. Equal snapshots encode equally.
func (s Snapshot) Encode() ([]byte, error) {
	versions, err := json.Marshal(s.Versions)
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(fmt.Appendf(nil, "{\"versions\": %s, \"objects\": [\n", versions))
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i, o := range s.Objects {
		if i > 0 {
			b.Truncate(b.Len() - 1) // the newline
			b.WriteString(",\n")
		}
		if err := enc.Encode(o); err != nil {
			return nil, err
		}
	}
	b.WriteString("]}\n")
	return b.Bytes(), nil
}

// With returns the snapshot with the differences between before and after applied. A change made by hand before a
// migration is thus not added by the migration.
func (s Snapshot) With(before, after Snapshot) Snapshot {
	expected := index(s.Objects)
	was, is := index(before.Objects), index(after.Objects)
	for k, o := range is {
		if old, ok := was[k]; !ok || !old.equal(o) {
			expected[k] = o
		}
	}
	for k := range was {
		if _, ok := is[k]; !ok {
			delete(expected, k)
		}
	}
	return Snapshot{Versions: after.Versions, Objects: sorted(expected)}
}

// The kinds and properties that this release reads. A later release may have recorded more. Kinds from operator on are
// named by pg_identify_object.
const (
	kinds = "schema, table, view, materialized view, foreign table, sequence, type, column, constraint, index, " +
		"trigger, rule, policy, child, function, grant, default privileges, event trigger, publication, " +
		"subscription, extension, operator, cast, collation, conversion, operator class, text search " +
		"configuration, text search dictionary, statistics object, language, access method, transform, " +
		"foreign-data wrapper, server"
	properties = "atomic, bound, calls, check, collation, columns, command, config, constraint, def, default, " +
		"definer, enabled, event, forced, generated, grantee, identity, invalid, invoker, kind, leakproof, " +
		"notnull, object, objects, on, on_delete, on_update, options, owner, partition, partitioned, " +
		"permissive, persistence, privileges, ref_columns, references, rls, role, roles, schema, sequence, " +
		"set_columns, tables, triggers, type, unique, untrusted, using, uuid"
)

// readable returns the snapshot without the kinds and properties of later releases.
func (s Snapshot) readable() Snapshot {
	kinds, properties := strings.Split(kinds, ", "), strings.Split(properties, ", ")
	known := make([]Object, 0, len(s.Objects))
	for _, o := range s.Objects {
		if slices.Contains(kinds, o.Kind) {
			o.Props = maps.Clone(o.Props)
			maps.DeleteFunc(o.Props, func(name, _ string) bool { return !slices.Contains(properties, name) })
			known = append(known, o)
		}
	}
	s.Objects = known
	return s
}

// Without returns the snapshot without the objects of some schemas.
func (s Snapshot) Without(schemas ...string) Snapshot {
	s.Objects = slices.DeleteFunc(slices.Clone(s.Objects), func(o Object) bool {
		return slices.ContainsFunc(schemas, func(name string) bool { return o.schema() == ident(name) })
	})
	return s
}

// Differing returns the names of the objects that differ, sorted.
func (s Snapshot) Differing(t Snapshot) []string {
	var out []string
	ours, theirs := index(s.Objects), index(t.Objects)
	for k, o := range merged(ours, theirs) {
		a, inOurs := ours[k]
		b, inTheirs := theirs[k]
		if inOurs != inTheirs || !a.equal(b) {
			out = append(out, o.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func index(objects []Object) map[key]Object {
	out := make(map[key]Object, len(objects))
	for _, o := range objects {
		out[o.key()] = o
	}
	return out
}

func sorted(objects map[key]Object) []Object {
	return slices.SortedFunc(maps.Values(objects), func(a, b Object) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.On, b.On), strings.Compare(a.Name, b.Name))
	})
}

package doctor

import (
	"context"
	_ "embed" // the queries
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/rls"
)

//go:embed sql/objects.sql
var objectsQuery string

//go:embed sql/facts.sql
var factsQuery string

// reset undoes settings by earlier users of a pooled connection, since the check is about new connections. $1 is the
// setting that carries the tenant.
const reset = `SELECT pg_catalog.set_config(name, NULL, true)
  FROM unnest(ARRAY['search_path', 'row_security', 'client_encoding', $1::text]) AS name`

// pin sets what the printed definitions depend on. Reading definitions waits for ACCESS EXCLUSIVE locks, hence the
// lock_timeout. Compiling the query with jit takes longer than running it.
const pin = `SELECT set_config('search_path', 'pg_catalog', true), set_config('lock_timeout', '1000', true),
  set_config('jit', 'off', true), set_config('quote_all_identifiers', 'off', true),
  set_config('DateStyle', 'ISO, MDY', true),
  set_config('IntervalStyle', 'postgres', true), set_config('TimeZone', 'UTC', true),
  set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true),
  set_config('standard_conforming_strings', 'on', true)`

// The tables of each chain's revision schema: the Atlas CLI's, and one with a snapshot per migration.
const (
	revisionsTable = "atlas_schema_revisions"
	snapshotsTable = "snapshots"
)

// Querier is implemented by *pgxpool.Pool, *pgx.Conn and pgx.Tx.
type Querier interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

type reading struct {
	facts

	objects  []Object
	versions map[string]string // by revision schema; absent if no file was applied
	recorded []Snapshot        // of those versions, latest first; not read if the versions are the caller's

	unreadable bool // versions and recorded could not be read
}

// read queries in a transaction that it rolls back, so not even settings change.
func read(ctx context.Context, q Querier, spec Spec) (r reading, err error) {
	tx, err := q.Begin(ctx)
	if err != nil {
		return reading{}, err
	}
	defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	batch := &pgx.Batch{}
	batch.Queue(reset, rls.Setting)
	roles := append(spec.definerOwners(), spec.AppRole, spec.OwnerRole)
	batch.Queue(factsQuery, spec.AppRole, rls.Setting, roles, spec.RoleSettings).
		QueryRow(func(row pgx.Row) error { return row.Scan(&r.facts) })
	batch.Queue(pin)
	batch.Queue(objectsQuery, spec.OwnerRole).QueryRow(func(row pgx.Row) error { return row.Scan(&r.objects) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return reading{}, err
	}
	err = r.readVersions(ctx, tx, spec.Snapshot.Versions)
	return r, err
}

// readVersions reads the applied versions and recorded snapshots. If it may not, the missing grant is the finding.
func (r *reading) readVersions(ctx context.Context, tx pgx.Tx, chains map[string]string) error {
	const insufficientPrivilege = "42501"
	err := r.queryVersions(ctx, tx, chains)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == insufficientPrivilege {
		r.unreadable, err = true, nil
	}
	return err
}

func (r *reading) queryVersions(ctx context.Context, tx pgx.Tx, chains map[string]string) error {
	r.versions = make(map[string]string)
	var recorded []string
	for schema := range chains {
		if !r.hasTable(schema, revisionsTable) {
			continue
		}
		var version string
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(version), '') FROM "+rls.Quote(schema, revisionsTable)+
			" WHERE version NOT LIKE '.%'").Scan(&version); err != nil {
			return err
		}
		if version != "" {
			r.versions[schema] = version
		}
		if r.hasTable(schema, snapshotsTable) {
			recorded = append(recorded, fmt.Sprintf("SELECT snapshot, recorded_at FROM %s WHERE version = %s",
				rls.Quote(schema, snapshotsTable), rls.Literal(version)))
		}
	}
	if len(recorded) == 0 || maps.Equal(r.versions, chains) {
		return nil
	}
	return tx.QueryRow(ctx, "SELECT coalesce(jsonb_agg(snapshot ORDER BY recorded_at DESC), '[]') FROM ("+
		strings.Join(recorded, " UNION ALL ")+") AS s").Scan(&r.recorded)
}

func (r *reading) hasTable(schema, name string) bool {
	return slices.ContainsFunc(r.objects, func(o Object) bool {
		return o.Kind == "table" && o.Name == ident(schema)+"."+ident(name)
	})
}

// Take reads the snapshot of a database without objects that migrations don't create: extensions, and grants on the
// database, languages and foreign servers. chains are the schemas of the revision tables.
func Take(ctx context.Context, q Querier, spec Spec, chains ...string) (Snapshot, error) {
	spec.Snapshot = Snapshot{Versions: make(map[string]string)}
	for _, c := range chains {
		spec.Snapshot.Versions[c] = ""
	}
	r, err := read(ctx, q, spec)
	if err != nil {
		return Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	return Snapshot{Versions: r.versions, Objects: sorted(index(slices.DeleteFunc(r.objects, isOutside)))}, nil
}

// isOutside reports whether migrations don't create such an object.
func isOutside(o Object) bool {
	switch o.Kind {
	case "extension":
		return true
	case "grant":
		return !slices.Contains([]string{"TABLE", "SEQUENCE", "ROUTINE", "TYPE", "SCHEMA"}, o.Props["kind"])
	default:
		return false
	}
}

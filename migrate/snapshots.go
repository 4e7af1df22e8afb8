package migrate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/rls"
)

const (
	// snapshotFile, beside the migrations, lists what they make. The doctor compares databases with it.
	snapshotFile = "snapshot.json"
	// snapshotsTable has the snapshot of each migration, for programs older than the database.
	snapshotsTable = "snapshots"
)

const createSnapshots = `CREATE TABLE IF NOT EXISTS %s (
  version character varying NOT NULL,
  snapshot jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (version)
)`

// ErrSnapshot is returned when snapshot.json is not what the migrations make.
var ErrSnapshot = errors.New("snapshot.json is not current: run konstruct migrate snapshot")

func (c Chain) snapshots() string { return rls.Quote(c.Revisions, snapshotsTable) }

// Snapshot returns what the chain makes, including its base chains, or an empty snapshot without a snapshot.json.
func (c Chain) Snapshot() (doctor.Snapshot, error) {
	text, err := fs.ReadFile(c.Files, snapshotFile)
	if errors.Is(err, fs.ErrNotExist) {
		return doctor.Snapshot{}, nil
	}
	if err != nil {
		return doctor.Snapshot{}, err
	}
	return doctor.ParseSnapshot(text)
}

func revisionSchemas(chains []Chain) []string {
	out := make([]string, 0, len(chains))
	for _, c := range chains {
		out = append(out, c.Revisions)
	}
	return out
}

func take(ctx context.Context, q doctor.Querier, chains []Chain) (doctor.Snapshot, error) {
	observer := doctor.Spec{OwnerRole: OwnerRole, AppRole: AppRole}
	return doctor.Take(ctx, q, observer, revisionSchemas(chains)...)
}

// recorded returns the latest snapshot that was recorded in the database, or nil.
func (r *runner) recorded(ctx context.Context, q Querier) (*doctor.Snapshot, error) {
	rows, _ := q.Query(ctx, "SELECT snapshot FROM ("+r.allSnapshots()+") AS s ORDER BY recorded_at DESC LIMIT 1")
	found, err := pgx.CollectRows(rows, pgx.RowToAddrOf[doctor.Snapshot])
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

func (r *runner) allSnapshots() string {
	tables := make([]string, len(r.Chains))
	for i, c := range r.Chains {
		tables[i] = "SELECT snapshot, recorded_at FROM " + c.snapshots()
	}
	return strings.Join(tables, " UNION ALL ")
}

// shipped returns the last chain's snapshot if it is of exactly the migrations of now, or else now.
func (r *runner) shipped(now doctor.Snapshot) (doctor.Snapshot, error) {
	s, err := r.Chains[len(r.Chains)-1].Snapshot()
	if err != nil || s.Versions == nil || !maps.Equal(s.Versions, now.Versions) {
		return now, err
	}
	return s, nil
}

// record stores the expected snapshot after a file: the previous one plus the file's own changes, so that changes made
// by hand remain differences.
func (r *runner) record(ctx context.Context, tx pgx.Tx, c Chain, f file, before doctor.Snapshot) error {
	after, err := take(ctx, tx, r.Chains)
	if err != nil {
		return err
	}
	if r.observe != nil {
		r.observe(f, before, after)
	}
	expected, err := r.recorded(ctx, tx)
	if err != nil {
		return err
	}
	var next doctor.Snapshot
	if expected != nil && !r.unrecorded {
		next = expected.With(before.Without(revisionSchemas(r.Chains)...), after)
	} else if next, err = r.shipped(after); err != nil {
		return err
	}
	return r.insert(ctx, tx.Conn(), c, f.version, next)
}

// insert records a snapshot as the latest, even if the clock was set back.
func (r *runner) insert(ctx context.Context, conn *pgx.Conn, c Chain, version string, s doctor.Snapshot) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "INSERT INTO "+c.snapshots()+" (version, snapshot, recorded_at) SELECT $1, $2::jsonb, "+
		"greatest(clock_timestamp(), max(recorded_at) + interval '1 microsecond') FROM ("+r.allSnapshots()+") AS s",
		version, string(text))
	return err
}

// recordCurrent records a snapshot of a database without one, such as one migrated by another tool: the shipped
// snapshot or the database's current state.
func (r *runner) recordCurrent(ctx context.Context, conn *pgx.Conn) error {
	now, err := take(ctx, conn, r.Chains)
	if err != nil {
		return err
	}
	last := r.Chains[len(r.Chains)-1]
	version, migrated := now.Versions[last.Revisions]
	if !migrated {
		return nil
	}
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+last.snapshots()+" WHERE version = $1)",
		version).Scan(&exists)
	if err != nil || exists {
		return err
	}
	if now, err = r.shipped(now); err != nil {
		return err
	}
	return r.insert(ctx, conn, last, version, now)
}

// SnapshotOptions configure [WriteSnapshot].
type SnapshotOptions struct {
	// Dir is the folder of the migrations, and of snapshot.json.
	Dir string
	// Base chains are applied before the folder: [Konstruct] for a project with its own tables.
	Base []Chain
	// Revisions is the folder's [Chain.Revisions]. Empty for Konstruct's folder.
	Revisions string
	// ScratchURL is a superuser's URL of a server on which scratch databases are created and dropped.
	ScratchURL string
}

// WriteSnapshot writes the snapshot.json of a folder after a migration was written by hand.
func WriteSnapshot(ctx context.Context, o SnapshotOptions) error {
	own := Chain{
		Name: filepath.Base(o.Dir), Files: os.DirFS(o.Dir), Revisions: cmp.Or(o.Revisions, revisionsSchema),
	}
	made, err := snapshotOf(ctx, o.ScratchURL, append(slices.Clone(o.Base), own))
	if err != nil {
		return err
	}
	text, err := made.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.Dir, snapshotFile), text, 0o644) //nolint:gosec // sources are world-readable
}

// snapshotOf applies chains to a scratch database and returns its snapshot.
func snapshotOf(ctx context.Context, scratchURL string, chains []Chain) (made doctor.Snapshot, err error) {
	err = replayAsApp(ctx, scratchURL, chains, func(conn *pgx.Conn) error {
		made, err = take(ctx, conn, chains)
		return err
	})
	return made, err
}

func (o CheckOptions) snapshotIsCurrent(ctx context.Context) error {
	kept, err := o.Chains[len(o.Chains)-1].Snapshot()
	if err != nil || kept.Versions == nil {
		return err
	}
	made, err := snapshotOf(ctx, o.ScratchURL, o.Chains)
	if err != nil {
		return err
	}
	if differ := made.Differing(kept); len(differ) > 0 || !maps.Equal(made.Versions, kept.Versions) {
		return fmt.Errorf("%w: %s", ErrSnapshot, strings.Join(differ, ", "))
	}
	return nil
}

package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	entschema "entgo.io/ent/dialect/sql/schema"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

// DiffOptions configure [Diff].
type DiffOptions struct {
	// Name is part of the file name: lower-case words joined by underscores ("add_notes").
	Name string
	// Dir is the folder of migrations. It is created if missing.
	Dir string
	// Tables of Ent's generated package migrate.
	Tables []*entschema.Table
	// Base chains are applied before the folder: [Konstruct] for a project with its own tables, none for Konstruct.
	Base []Chain
	// Revisions is the folder's [Chain.Revisions], for its snapshot. Empty for Konstruct's folder. With Base and
	// without Revisions no snapshot is written.
	Revisions string
	// Spec lists the tables without a tenant.
	Spec doctor.Spec
	// ScratchURL is a superuser's URL of a server on which scratch databases are created and dropped.
	ScratchURL string
	// AllowDrops permits a plan that drops tables or columns.
	AllowDrops bool
	// Now is the file's timestamp, unless the folder's last file is later.
	Now time.Time
}

// Plan is the result of [Diff].
type Plan struct {
	// File is the path of the new file, or empty if the folder is current.
	File string
	// SQL is the file's text.
	SQL string
	// Drops lists dropped tables and columns ("table notes", "column notes.body").
	Drops []string

	seeds map[string]string // by table
}

var diffName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// Diff plans the step from the folder's migrations to the Ent schema and writes it as the folder's next file, with the
// protection of new tables, their seeds, atlas.sum and snapshot.json. If the folder is current it writes nothing.
//
// It replays the folder on one scratch database, creates the Ent schema's tables on another, and compares the two. It
// refuses, among others, a table that is neither tenant-scoped nor in the spec ([ErrUnclassified]), a many-to-many edge
// without a tenant ([ErrUnscopedReference]), and a plan that drops data ([ErrDestructive]).
func Diff(ctx context.Context, o DiffOptions) (Plan, error) {
	if !diffName.MatchString(o.Name) {
		return Plan{}, fmt.Errorf("migration name %q: lower-case words joined by underscores, like add_notes", o.Name)
	}
	own, err := folder(o.Dir)
	if err != nil {
		return Plan{}, err
	}
	plan, err := draft(ctx, o, own)
	if err != nil || plan.SQL == "" {
		return plan, err
	}
	if len(plan.Drops) > 0 && !o.AllowDrops {
		return plan, fmt.Errorf("%w: %s: use --allow-drops, or keep them in the schema",
			ErrDestructive, strings.Join(plan.Drops, ", "))
	}
	if plan, err = write(plan, o); err != nil || len(o.Base) > 0 && o.Revisions == "" {
		return plan, err
	}
	return plan, WriteSnapshot(ctx, SnapshotOptions{
		Dir: o.Dir, Base: o.Base, Revisions: o.Revisions, ScratchURL: o.ScratchURL,
	})
}

// folder returns the chain of a folder, for replays on scratch databases only.
func folder(dir string) (Chain, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // sources are world-readable
		return Chain{}, err
	}
	return Chain{Name: filepath.Base(dir), Files: os.DirFS(dir), Revisions: "scratch_revisions"}, nil
}

func draft(ctx context.Context, o DiffOptions, own Chain) (plan Plan, err error) {
	err = replay(ctx, o.ScratchURL, append(slices.Clone(o.Base), own), func(s *scratch) error {
		plan, err = s.plan(ctx, o)
		return err
	})
	return plan, err
}

// comparison is the difference between the folder and the Ent schema.
type comparison struct {
	current, want *schema.Schema
	protection    map[string]protection
}

// plan compares the database, to which the folder was applied, with the Ent schema.
func (s *scratch) plan(ctx context.Context, o DiffOptions) (Plan, error) {
	db := s.open()
	defer func() { _ = db.Close() }()
	driver, err := postgres.Open(db)
	if err != nil {
		return Plan{}, err
	}
	var c comparison
	if c.current, err = inspect(ctx, driver); err != nil {
		return Plan{}, err
	}
	if c.protection, err = s.protections(ctx, o.Spec.AppRole); err != nil {
		return Plan{}, err
	}
	if c.want, err = wanted(ctx, o); err != nil {
		return Plan{}, err
	}
	changes, err := driver.SchemaDiff(c.current, c.want, schema.DiffNormalized())
	if err != nil {
		return Plan{}, err
	}
	steps := &atlas.Plan{}
	if len(changes) > 0 {
		if steps, err = driver.PlanChanges(ctx, o.Name, changes, planStyle); err != nil {
			return Plan{}, err
		}
	}
	return Plan{SQL: c.compose(steps, o.Spec), Drops: drops(changes), seeds: c.seeds()}, nil
}

func wanted(ctx context.Context, o DiffOptions) (want *schema.Schema, err error) {
	err = replay(ctx, o.ScratchURL, o.Base, func(s *scratch) error {
		db := s.open()
		defer func() { _ = db.Close() }()
		want, err = build(ctx, db, o.Tables, o.Spec)
		return err
	})
	return want, err
}

// write adds the file to the folder and updates atlas.sum.
func write(plan Plan, o DiffOptions) (Plan, error) {
	if err := os.MkdirAll(filepath.Join(o.Dir, "seed"), 0o755); err != nil { //nolint:gosec // sources are world-readable
		return Plan{}, err
	}
	dir, err := atlas.NewLocalDir(o.Dir)
	if err != nil {
		return Plan{}, err
	}
	version, err := nextVersion(dir, o.Now)
	if err != nil {
		return Plan{}, err
	}
	name := version + "_" + o.Name + ".sql"
	if err := dir.WriteFile(name, []byte(plan.SQL)); err != nil {
		return Plan{}, err
	}
	plan.File = filepath.Join(o.Dir, name)
	for table, text := range plan.seeds {
		seed := filepath.Join("seed", table+".sql")
		if _, err := os.Stat(filepath.Join(o.Dir, seed)); err == nil {
			continue // written by hand for an earlier plan
		}
		if err := dir.WriteFile(seed, []byte(text)); err != nil {
			return Plan{}, err
		}
	}
	return plan, sum(dir)
}

// Hash updates the atlas.sum of a folder after a file was written by hand.
func Hash(dir string) error {
	d, err := atlas.NewLocalDir(dir)
	if err != nil {
		return err
	}
	return sum(d)
}

func sum(dir atlas.Dir) error {
	hash, err := dir.Checksum()
	if err != nil {
		return err
	}
	return atlas.WriteSumFile(dir, hash)
}

const versionFormat = "20060102150405"

// nextVersion returns now, or a second after the folder's last file if that is later.
func nextVersion(dir atlas.Dir, now time.Time) (string, error) {
	files, err := dir.Files()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	version := now.UTC().Format(versionFormat)
	if len(files) == 0 || files[len(files)-1].Version() < version {
		return version, nil
	}
	last, err := time.Parse(versionFormat, files[len(files)-1].Version())
	if err != nil {
		return "", err
	}
	return last.Add(time.Second).Format(versionFormat), nil
}

package migrate

import (
	"context"
	"database/sql"
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

// DiffOptions say what to plan.
type DiffOptions struct {
	// Name becomes part of the file's name: lower-case words joined by underscores ("add_notes").
	Name string
	// Dir is the folder that the file is written to. It need not exist.
	Dir string
	// Tables are those of the Ent schema: Tables of its generated package migrate.
	Tables []*entschema.Table
	// Base are chains that are applied before the folder's own: [Konstruct] for a project with tables of its own, none
	// for Konstruct itself.
	Base []Chain
	// Revisions is the schema of the folder's revision table ([Chain.Revisions]), for the snapshot of the folder. Empty for
	// Konstruct's own folder; with Base and without Revisions no snapshot is written.
	Revisions string
	// Spec lists the tables that belong to no tenant.
	Spec doctor.Spec
	// ScratchURL is a superuser's URL of a server on which databases may be made and dropped.
	ScratchURL string
	// AllowDrops writes a plan that drops tables or columns. Without it such a plan is refused, by name.
	AllowDrops bool
	// Now dates the file. A file is never older than the last one in the folder.
	Now time.Time
}

// Plan is what [Diff] has found.
type Plan struct {
	// File is the path of the file that was written, empty where the folder is current.
	File string
	// SQL is the file's text.
	SQL string
	// Drops are the tables and columns that the plan drops ("table notes", "column notes.body").
	Drops []string
}

var diffName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// Diff plans the step from the folder's migrations to the Ent schema and writes it as the folder's next file, together
// with atlas.sum and snapshot.json. The protection of each new table stands in the same file. Nothing is written where nothing is missing.
//
// It replays the folder on one scratch database, makes the Ent schema's tables on another, and compares the two.
// It refuses, among others, a table that is neither tenant-scoped nor in the spec ([ErrUnclassified]), a
// many-to-many edge without a tenant ([ErrUnscopedReference]), and a plan that drops data ([ErrDestructive]).
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
		return plan, fmt.Errorf("%w: %s: allow it, or keep them in the schema", ErrDestructive, strings.Join(plan.Drops, ", "))
	}
	if plan, err = write(plan, o); err != nil || len(o.Base) > 0 && o.Revisions == "" {
		return plan, err
	}
	return plan, WriteSnapshot(ctx, SnapshotOptions{Dir: o.Dir, Base: o.Base, Revisions: o.Revisions, ScratchURL: o.ScratchURL})
}

// folder is the chain that a folder holds. Its revisions are never written: it is only replayed.
func folder(dir string) (Chain, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // sources are for everybody to read
		return Chain{}, err
	}
	return Chain{Name: filepath.Base(dir), Files: os.DirFS(dir), Revisions: "scratch_revisions"}, nil
}

// draft finds the statements from what a chain makes, on top of the base, to what the Ent schema wants.
func draft(ctx context.Context, o DiffOptions, own Chain) (plan Plan, err error) {
	c, err := compare(ctx, o, own)
	if err != nil {
		return Plan{}, err
	}
	defer func() { err = errors.Join(err, c.close(ctx)) }()
	steps := &atlas.Plan{}
	if len(c.changes) > 0 {
		if steps, err = c.driver.PlanChanges(ctx, o.Name, c.changes, planStyle); err != nil {
			return Plan{}, err
		}
	}
	return Plan{SQL: c.compose(steps, o.Spec), Drops: drops(c.changes)}, nil
}

// comparison is the way from what the folder makes to what the Ent schema wants. The replayed database stays until it
// is closed, for the driver asks it while planning.
type comparison struct {
	changes       []schema.Change
	current, want *schema.Schema
	protection    map[string]protection
	driver        atlas.Driver
	replayed      *scratch
	db            *sql.DB
}

func (c *comparison) close(ctx context.Context) error {
	return errors.Join(c.db.Close(), c.replayed.drop(ctx))
}

func compare(ctx context.Context, o DiffOptions, own Chain) (*comparison, error) {
	replayed, err := replay(ctx, o.ScratchURL, append(slices.Clone(o.Base), own))
	if err != nil {
		return nil, err
	}
	c := &comparison{replayed: replayed, db: replayed.open()}
	if err := c.find(ctx, o); err != nil {
		return nil, errors.Join(err, c.close(ctx))
	}
	return c, nil
}

func (c *comparison) find(ctx context.Context, o DiffOptions) (err error) {
	if c.driver, err = postgres.Open(c.db); err != nil {
		return err
	}
	if c.current, err = inspect(ctx, c.driver); err != nil {
		return err
	}
	if c.protection, err = protections(ctx, c.db, o.Spec.AppRole); err != nil {
		return err
	}
	if c.want, err = wanted(ctx, o); err != nil {
		return err
	}
	c.changes, err = c.driver.SchemaDiff(c.current, c.want)
	return err
}

func wanted(ctx context.Context, o DiffOptions) (_ *schema.Schema, err error) {
	s, err := replay(ctx, o.ScratchURL, o.Base)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.drop(ctx)) }()
	db := s.open()
	defer func() { err = errors.Join(err, db.Close()) }()
	return build(ctx, db, o.Tables, o.Spec)
}

// replay applies chains to a scratch database of their own, as the plain owner.
func replay(ctx context.Context, scratchURL string, chains []Chain) (*scratch, error) {
	s, err := newScratch(ctx, scratchURL)
	if err != nil {
		return nil, err
	}
	if _, err := s.up(ctx, chains, nil, nil); err != nil {
		return nil, errors.Join(err, s.drop(ctx))
	}
	return s, nil
}

// write puts the file into the folder and renews atlas.sum.
func write(plan Plan, o DiffOptions) (Plan, error) {
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
	return plan, sum(dir)
}

// Hash renews the atlas.sum of a folder in which a file was written or edited by hand.
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

// nextVersion is now, or a second after the folder's last file if that is later: files apply in the order of their names.
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

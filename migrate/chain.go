package migrate

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
)

// The revision table is named as the Atlas CLI names it, so that the CLI can take over.
const (
	revisionsSchema = "atlas_schema_revisions"
	revisionsTable  = "atlas_schema_revisions"
)

//go:embed migrations
var embedded embed.FS

// ErrChecksum is returned when the files of a folder do not match its atlas.sum.
var ErrChecksum = errors.New("migrations do not match atlas.sum")

// Chain is a folder of versioned migrations with its revision table.
type Chain struct {
	// Name identifies the chain in logs and errors.
	Name string
	// Files has <timestamp>_<name>.sql, atlas.sum, snapshot.json and seed/<table>.sql.
	Files fs.FS
	// Revisions is the schema of the chain's revision table, which must be unique to the chain.
	Revisions string
}

// Konstruct returns the product's chain, embedded in the binary.
func Konstruct() Chain {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the path is constant and valid
	}
	return Chain{Name: "konstruct", Files: files, Revisions: revisionsSchema}
}

// file is one migration.
type file struct {
	name    string
	version string
	desc    string
	hash    string // of this file and all before it
	text    string
	stmts   []*atlas.Stmt
}

// line returns the line number at a position.
func (f file) line(pos int) int { return 1 + strings.Count(f.text[:pos], "\n") }

var fileName = regexp.MustCompile(`^\d{14}_[a-z0-9_]+\.sql$`)

// load reads a chain's files, oldest first, and verifies them against atlas.sum.
func (c Chain) load() ([]file, error) {
	files, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", c.Name, err)
	}
	return files, nil
}

// dir copies the files into an Atlas directory.
func (c Chain) dir() (*atlas.MemDir, error) {
	dir := &atlas.MemDir{}
	entries, err := fs.ReadDir(c.Files, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") && e.Name() != atlas.HashFileName {
			continue
		}
		data, err := fs.ReadFile(c.Files, e.Name())
		if err != nil {
			return nil, err
		}
		if err := dir.WriteFile(e.Name(), data); err != nil {
			return nil, err
		}
	}
	return dir, nil
}

// validate names the first file that differs from atlas.sum.
func validate(dir atlas.Dir) error {
	err := atlas.Validate(dir)
	if mismatch, ok := errors.AsType[*atlas.ChecksumError](err); ok {
		return fmt.Errorf("%w: %s was %s", ErrChecksum, mismatch.File, mismatch.Reason)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChecksum, err)
	}
	return nil
}

func (c Chain) read() ([]file, error) {
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	if err := validate(dir); err != nil {
		return nil, err
	}
	sums, err := dir.Checksum()
	if err != nil {
		return nil, err
	}
	found, err := dir.Files()
	if err != nil {
		return nil, err
	}
	files := make([]file, 0, len(found))
	for _, f := range found {
		if !fileName.MatchString(f.Name()) {
			return nil, fmt.Errorf("%s: a migration must be named <YYYYMMDDhhmmss>_<words_with_underscores>.sql",
				f.Name())
		}
		if n := len(files); n > 0 && files[n-1].version == f.Version() {
			return nil, fmt.Errorf("%s and %s have the same version", files[n-1].name, f.Name())
		}
		hash, err := sums.SumByName(f.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		// As PostgreSQL would split the file, function bodies included.
		stmts, err := (*postgres.Driver)(nil).ScanStmts(string(f.Bytes()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		files = append(files, file{
			name: f.Name(), version: f.Version(), desc: f.Desc(), hash: hash, text: string(f.Bytes()), stmts: stmts,
		})
	}
	return files, nil
}

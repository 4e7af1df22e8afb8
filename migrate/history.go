package migrate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// Errors of comparing the files with the revisions of a database. Each names the file.
var (
	// ErrEdited is returned when an applied file was changed or renamed, even if atlas.sum was updated.
	ErrEdited = errors.New("an applied migration was edited")
	// ErrRemoved is returned when an applied file is missing.
	ErrRemoved = errors.New("an applied migration is missing")
	// ErrOutOfOrder is returned when a new file precedes an applied one.
	ErrOutOfOrder = errors.New("a new migration is older than an applied one")
	// ErrNewer is returned when a newer release has migrated the database.
	ErrNewer = errors.New("the database is newer than this binary")
	// ErrPartial is returned when another tool applied a part of a file.
	ErrPartial = errors.New("a migration was applied partially")
)

// revision is a row of the revision table.
type revision struct {
	Version, Desc  string
	Applied, Total int64
	Failure, Hash  string
	At             time.Time
}

// The columns are those of the Atlas CLI.
const createRevisions = `CREATE TABLE IF NOT EXISTS %s (
  version character varying NOT NULL,
  description character varying NOT NULL,
  type bigint NOT NULL DEFAULT 2,
  applied bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  executed_at timestamptz NOT NULL,
  execution_time bigint NOT NULL,
  error text NULL,
  error_stmt text NULL,
  hash character varying NOT NULL,
  partial_hashes jsonb NULL,
  operator_version character varying NOT NULL,
  PRIMARY KEY (version)
)`

// The Atlas CLI stores metadata in rows whose version starts with a dot.
const selectRevisions = `SELECT version, description, applied, total, coalesce(error, ''), hash, executed_at
  FROM %s WHERE version NOT LIKE '.%%' ORDER BY version`

const insertRevision = `INSERT INTO %s
  (version, description, type, applied, total, executed_at, execution_time, hash, operator_version)
  VALUES ($1, $2, 2, $3, $3, $4, $5, $6, $7)`

// Querier is a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (c Chain) table() string { return rls.Quote(c.Revisions, revisionsTable) }

// revisions returns the applied migrations, oldest first, and none if the revision table is missing.
func (c Chain) revisions(ctx context.Context, q Querier) ([]revision, error) {
	rows, err := q.Query(ctx, fmt.Sprintf(selectRevisions, c.table()))
	if err != nil {
		return nil, absent(err)
	}
	revs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[revision])
	return revs, absent(err)
}

// absent drops the error of a missing table or schema.
func absent(err error) error {
	if hasCode(err, "42P01", "3F000") {
		return nil
	}
	return err
}

// pending compares the files with the revisions and returns those that are not applied.
func (c Chain) pending(files []file, revs []revision) ([]file, error) {
	for i, r := range revs {
		if err := compareRevision(files, i, r); err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", c.Name, err)
		}
	}
	return files[len(revs):], nil
}

func compareRevision(files []file, i int, r revision) error {
	applied := r.Version + "_" + r.Desc + ".sql"
	switch {
	case i >= len(files):
		return fmt.Errorf("%w: it has %s, the last migration of this binary is %s", ErrNewer, applied, last(files))
	case files[i].version < r.Version:
		return fmt.Errorf("%w: %s precedes %s: rename it to a later version", ErrOutOfOrder, files[i].name, applied)
	case files[i].version > r.Version:
		return fmt.Errorf("%w: %s", ErrRemoved, applied)
	case files[i].name != applied:
		return fmt.Errorf("%w: %s was renamed to %s", ErrEdited, applied, files[i].name)
	case r.Failure != "" || r.Applied != r.Total:
		return fmt.Errorf("%w: %s: %d of %d statements", ErrPartial, applied, r.Applied, r.Total)
	case !files[i].appliedAs(r):
		return fmt.Errorf("%w: %s differs from the applied file: restore it and make the change in a new file",
			ErrEdited, applied)
	}
	return nil
}

// replaces declares the hash of an earlier text of the file, from which only comments may differ: that text is gone, so
// only the number of statements is verified. Hashes include all earlier files, so later files need the line, too.
var replaces = regexp.MustCompile(`(?m)^-- konstruct:replaces h1:(\S+)$`)

// appliedAs reports whether r applied this text of the file, or a declared earlier one with as many statements.
func (f file) appliedAs(r revision) bool {
	hash := strings.TrimPrefix(r.Hash, "h1:")
	return hash == f.hash || r.Total == int64(len(f.stmts)) &&
		slices.ContainsFunc(replaces.FindAllStringSubmatch(f.text, -1), func(m []string) bool { return m[1] == hash })
}

func last(files []file) string {
	if len(files) == 0 {
		return "none"
	}
	return files[len(files)-1].name
}

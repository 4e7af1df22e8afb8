package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy/rls"
)

// What is wrong between the files and what a database says was applied. Each error names the file.
var (
	// ErrEdited: a file was changed or renamed after it was applied, whether or not atlas.sum was renewed.
	ErrEdited = errors.New("an applied migration was edited")
	// ErrRemoved: an applied file is gone.
	ErrRemoved = errors.New("an applied migration is missing")
	// ErrOutOfOrder: a file appeared before one that is applied already.
	ErrOutOfOrder = errors.New("a migration is older than one that is applied already")
	// ErrNewer: the database has been migrated by a newer release than this one.
	ErrNewer = errors.New("the database is newer than this binary")
	// ErrPartial: another tool applied a file in part.
	ErrPartial = errors.New("a migration was applied in part")
)

// revision is a row of the revision table.
type revision struct {
	version string
	desc    string
	applied int64
	total   int64
	failure string
	hash    string
	at      time.Time
}

// The table is the Atlas CLI's, column for column.
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

// Rows whose version begins with a dot are the CLI's own notes.
const selectRevisions = `SELECT version, description, applied, total, coalesce(error, ''), hash, executed_at
  FROM %s WHERE version NOT LIKE '.%%' ORDER BY version`

const insertRevision = `INSERT INTO %s
  (version, description, type, applied, total, executed_at, execution_time, hash, operator_version)
  VALUES ($1, $2, 2, $3, $3, $4, $5, $6, $7)`

// Querier is what reading needs: a pool, a connection or a transaction of pgx.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func (c Chain) table() string { return rls.Quote(c.Revisions, revisionsTable) }

// revisions are what the database says was applied, oldest first. Without a revision table, nothing was.
func (c Chain) revisions(ctx context.Context, q Querier) ([]revision, error) {
	rows, err := q.Query(ctx, fmt.Sprintf(selectRevisions, c.table()))
	if err != nil {
		return nil, absent(err)
	}
	revs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (revision, error) {
		var r revision
		err := row.Scan(&r.version, &r.desc, &r.applied, &r.total, &r.failure, &r.hash, &r.at)
		return r, err
	})
	return revs, absent(err)
}

// absent passes an error on, unless it says that there is no such table or schema.
func absent(err error) error {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if ok && (pgErr.Code == "42P01" || pgErr.Code == "3F000") {
		return nil
	}
	return err
}

// pending holds the files against what was applied, and returns the files that come next.
func (c Chain) pending(files []file, revs []revision) ([]file, error) {
	for i, r := range revs {
		if err := compareRevision(files, i, r); err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", c.Name, err)
		}
	}
	return files[len(revs):], nil
}

// compareRevision holds the i-th applied revision against the i-th file.
func compareRevision(files []file, i int, r revision) error {
	applied := r.version + "_" + r.desc + ".sql"
	switch {
	case i >= len(files):
		return fmt.Errorf("%w: it has %s, and the last that this binary knows is %s", ErrNewer, applied, last(files))
	case files[i].version < r.version:
		return fmt.Errorf("%w: %s comes before %s: give it a later version", ErrOutOfOrder, files[i].name, applied)
	case files[i].version > r.version:
		return fmt.Errorf("%w: %s", ErrRemoved, applied)
	case files[i].name != applied:
		return fmt.Errorf("%w: %s is called %s now", ErrEdited, applied, files[i].name)
	case r.failure != "" || r.applied != r.total:
		return fmt.Errorf("%w: %s: %d of %d statements", ErrPartial, applied, r.applied, r.total)
	case strings.TrimPrefix(r.hash, "h1:") != files[i].hash:
		return fmt.Errorf("%w: %s is not what was applied: restore it, and put the change into a new file", ErrEdited, applied)
	}
	return nil
}

func last(files []file) string {
	if len(files) == 0 {
		return "none"
	}
	return files[len(files)-1].name
}

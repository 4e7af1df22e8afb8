package pgtenant

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgtype"
)

// rowReader reads a result. The Next that finds the end closes the pipeline, because only that reports a failure at
// commit, and Ent ignores the error of Close.
type rowReader struct {
	statement statement
	lease     *lease
	answer    answer
	types     *pgtype.Map // the connection's
	copied    *pgtype.Map // a copy: the connection's is not safe for concurrent use, and rows can outlive their lease
	end       func(error) error
	mu        sync.Locker // a transaction's lock, so that it can't end while the connection's buffer is read
	own       sync.Mutex  // mu outside of a transaction

	peeked  bool       // Next has not returned current yet
	ahead   [][][]byte // further rows read
	current [][]byte
	err     error
	drained bool // the pipeline is closed; err is its outcome
	ended   bool // end was called
	unwatch func() bool

	observation observation // ends with the rows
}

var _ entsql.ColumnScanner = (*rowReader)(nil)

func (r *rowReader) open(all bool) error {
	more := r.answer.result.NextRow()
	if more && !all {
		r.peeked, r.current = true, r.answer.result.Values()
		return nil
	}
	for ; more; more = r.answer.result.NextRow() {
		r.ahead = append(r.ahead, cloneRow(r.answer.result.Values()))
	}
	r.drain()
	if r.err != nil {
		r.ended = true
		return r.err
	}
	return r.finish()
}

func cloneRow(raw [][]byte) [][]byte {
	row := make([][]byte, len(raw))
	for i, value := range raw {
		row[i] = bytes.Clone(value)
	}
	return row
}

func (r *rowReader) drain() {
	if r.drained {
		return
	}
	r.drained = true
	tag, err := r.answer.end()
	r.err = err
	r.lease.recordTag(r.statement, tag, len(r.answer.fields), err)
}

// discard drops the rows: those not cloned are in the connection's buffer, which is reused.
func (r *rowReader) discard() {
	r.peeked, r.current, r.ahead = false, nil, nil
	r.drain()
}

// finish drains, and releases the connection once.
func (r *rowReader) finish() error {
	r.drain()
	if !r.ended {
		r.ended = true
		if r.unwatch != nil {
			r.unwatch()
		}
		r.err = r.end(r.err)
		r.observation.end(r.err)
	}
	return r.err
}

// watch ends the result with its context: the caller may never close it.
func (r *rowReader) watch(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwatch = context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ended {
			return
		}
		r.discard()
		r.err = cmp.Or(r.err, fmt.Errorf("pgtenant: result ended by its context: %w (%w)", ctx.Err(), ErrNoEffect))
		_ = r.finish()
	})
}

// Next implements sql.ColumnScanner.
func (r *rowReader) Next() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.peeked:
		r.peeked = false
		return true
	case len(r.ahead) > 0:
		r.current, r.ahead = r.ahead[0], r.ahead[1:]
		return true
	case !r.drained && r.answer.result.NextRow():
		r.current = r.answer.result.Values()
		return true
	}
	r.current = nil
	_ = r.finish() // Err returns it
	return false
}

// Scan implements sql.ColumnScanner.
func (r *rowReader) Scan(dest ...any) error {
	scanned := false
	defer func() {
		if !scanned { // a Scanner panicked
			r.abort()
		}
	}()
	err := r.scan(dest)
	scanned = true
	return err
}

// scan reads a row. A destination's code may use the transaction or keep the value, so it runs without the lock, on a
// copy.
func (r *rowReader) scan(dest []any) error {
	rest, err := r.scanDirect(dest)
	if err != nil {
		return err
	}
	for _, c := range rest {
		if err := scan(r.copied, &r.answer.fields[c.index], c.raw, dest[c.index]); err != nil {
			return err
		}
	}
	return nil
}

type column struct {
	index int
	raw   []byte
}

// scanDirect scans what the driver decodes itself, and returns copies of the rest.
func (r *rowReader) scanDirect(dest []any) (rest []column, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.current == nil && r.err != nil: // such as that of the context, which has ended since Next
		return nil, r.err
	case r.current == nil || r.peeked:
		return nil, errors.New("pgtenant: Scan without a row: call Next first")
	case len(dest) != len(r.current):
		return nil, fmt.Errorf("%w: %d columns into %d destinations", ErrScan, len(r.current), len(dest))
	}
	for i, raw := range r.current {
		if !scanDirect(&r.answer.fields[i], raw, dest[i]) {
			rest = append(rest, column{index: i, raw: bytes.Clone(raw)})
		}
	}
	if len(rest) > 0 && r.copied == nil {
		r.copied = r.types.Copy()
	}
	return rest, nil
}

// abort closes the connection: the caller may never close the rows.
func (r *rowReader) abort() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended && !r.lease.released {
		r.lease.discard = true
		r.lease.close()
		_ = r.close()
	}
}

// Err implements sql.ColumnScanner. It is final after Next has returned false.
func (r *rowReader) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close implements sql.ColumnScanner. It reads and drops the rest of the result.
func (r *rowReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

func (r *rowReader) close() error {
	r.discard()
	return r.finish()
}

// Columns implements sql.ColumnScanner.
func (r *rowReader) Columns() ([]string, error) {
	names := make([]string, len(r.answer.fields))
	for i := range r.answer.fields {
		names[i] = r.answer.fields[i].Name
	}
	return names, nil
}

// ColumnTypes implements sql.ColumnScanner. It returns an error: only database/sql can create a ColumnType, and Ent
// needs none.
func (*rowReader) ColumnTypes() ([]*sql.ColumnType, error) {
	return nil, errors.New("pgtenant: column types are not supported")
}

// NextResultSet implements sql.ColumnScanner: a statement has one result.
func (*rowReader) NextResultSet() bool { return false }

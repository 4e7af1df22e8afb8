package pgtenant

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows is a result being read. The pipeline that it is part of is closed inside the Next that finds the end, because
// Ent ignores the error of Close, and what fails at commit comes from there only.
type rows struct {
	statement statement
	lease     *lease
	answer    answer
	types     *pgtype.Map // the connection's
	copied    *pgtype.Map // a copy of it: the connection's is not safe for concurrent use, and rows can outlive their lease
	end       func(error) error
	mu        sync.Locker // the transaction's, within one, so that it can't end while the connection's buffer is used
	own       sync.Mutex  // mu outside of a transaction

	peeked  bool       // current was read, but not handed out
	ahead   [][][]byte // further rows that were
	current [][]byte
	err     error
	drained bool // the pipeline is closed, its outcome is in err
	ended   bool // end was called
	unwatch func() bool

	observation observation // ends with the rows
}

var _ entsql.ColumnScanner = (*rows)(nil)

// open reads the first row; where all is set, all of them, and ends the result.
func (r *rows) open(all bool) error {
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

// cloneRow copies a row out of the connection's buffer, keeping NULL (nil) apart from empty.
func cloneRow(raw [][]byte) [][]byte {
	row := make([][]byte, len(raw))
	for i, value := range raw {
		row[i] = bytes.Clone(value)
	}
	return row
}

// drain reads what is left and closes the pipeline.
func (r *rows) drain() {
	if r.drained {
		return
	}
	r.drained = true
	tag, err := r.answer.end()
	r.err = err
	r.lease.saw(r.statement, tag, len(r.answer.fields), err)
}

// discard drains. Rows that were not cloned lie in the connection's buffer, which its next user fills again.
func (r *rows) discard() {
	r.peeked, r.current, r.ahead = false, nil, nil
	r.drain()
}

// finish drains, and gives the connection back, once.
func (r *rows) finish() error {
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

// watch ends the result when its context ends, since the caller may never close it.
func (r *rows) watch(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwatch = context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ended {
			return
		}
		r.discard()
		r.err = firstError(r.err, fmt.Errorf("pgtenant: result ended by its context: %w (%w)", ctx.Err(), ErrNoEffect))
		_ = r.finish()
	})
}

// Next implements sql.ColumnScanner.
func (r *rows) Next() bool {
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
	_ = r.finish() // Err reports it.
	return false
}

// Scan implements sql.ColumnScanner.
func (r *rows) Scan(dest ...any) error {
	scanned := false
	defer func() {
		if !scanned { // a Scanner panicked
			r.abandon()
		}
	}()
	err := r.scan(dest)
	scanned = true
	return err
}

// scan reads a row. A destination may have code of its own, which may use the transaction and keep what it is given. So it
// is scanned without the lock, from a copy.
func (r *rows) scan(dest []any) error {
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

// column is a copy of a value of the current row.
type column struct {
	index int
	raw   []byte
}

// scanDirect scans what needs no code but the driver's, and returns a copy of the rest.
func (r *rows) scanDirect(dest []any) (rest []column, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.current == nil || r.peeked:
		return nil, errors.New("pgtenant: Scan without a row: call Next first")
	case len(dest) != len(r.current):
		return nil, scanCountError(len(r.current), len(dest))
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

// abandon gives the connection up: the caller may never close the rows.
func (r *rows) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended && !r.lease.over {
		r.lease.spoiled = true
		r.lease.close()
		_ = r.close()
	}
}

// Err implements sql.ColumnScanner. It is complete once Next has returned false.
func (r *rows) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close implements sql.ColumnScanner; the rest of the result is read and dropped.
func (r *rows) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close()
}

func (r *rows) close() error {
	r.discard()
	return r.finish()
}

// Columns implements sql.ColumnScanner.
func (r *rows) Columns() ([]string, error) {
	names := make([]string, len(r.answer.fields))
	for i := range r.answer.fields {
		names[i] = r.answer.fields[i].Name
	}
	return names, nil
}

// ColumnTypes implements sql.ColumnScanner. database/sql keeps that type's fields to itself; Ent does without it.
func (*rows) ColumnTypes() ([]*sql.ColumnType, error) {
	return nil, errors.New("pgtenant: column types are database/sql's own")
}

// NextResultSet implements sql.ColumnScanner: a statement has one.
func (*rows) NextResultSet() bool { return false }

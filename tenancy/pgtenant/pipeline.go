package pgtenant

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// answer is a statement's result, not yet read.
type answer struct {
	conn     *connState
	resets   bool // resetAll follows
	pipeline *pgconn.Pipeline
	result   *pgconn.ResultReader
	fields   []pgconn.FieldDescription
}

// run sends a statement with its prelude, and BEGIN or a reset, in one write, and reads up to the statement's result.
// The arguments are encoded first, so that none of their code runs while the connection is busy. same is false if a
// setting of [parsing] was changed.
func (c *connState) run(ctx context.Context, o opening, s statement) (a answer, same bool, err error) {
	found, err := c.lookup(ctx, s.sql)
	if err != nil {
		return a, true, err
	}
	values, formats, err := c.encode(found, s.args)
	if err != nil {
		return a, true, err
	}
	text, bound := c.prelude(o, s.tenant)
	p := c.conn.StartPipeline(ctx)
	if o.begin != "" {
		p.SendQueryParams(o.begin, nil, nil, nil, nil)
	}
	c.own[text].queue(p, bound, nil)
	found.queue(p, values, formats)
	if o.reset {
		c.own[resetAll].queue(p, nil, nil)
	}
	if err = p.Sync(); err == nil && o.begin != "" {
		_, err = readBool(p)
	}
	if err == nil {
		same, err = readBool(p)
	}
	if err != nil {
		return a, true, preludeError{cmp.Or(err, p.Close())}
	}
	if a.result, err = nextResult[*pgconn.ResultReader](p); err != nil {
		_ = p.Close()
		return a, same, err
	}
	a.conn, a.resets, a.pipeline, a.fields = c, o.reset, p, found.fields
	if a.fields == nil { // the connection reuses the array for its next result
		a.fields = slices.Clone(a.result.FieldDescriptions())
	}
	return a, same, nil
}

func (p *prepared) queue(out *pgconn.Pipeline, values [][]byte, formats []int16) {
	switch {
	case p.Name == "":
		out.SendQueryParams(p.SQL, values, p.ParamOIDs, formats, p.formats)
	case p.fields == nil:
		out.SendQueryPrepared(p.Name, values, formats, p.formats)
	default:
		out.SendQueryStatement(&p.StatementDescription, values, formats, p.formats)
	}
}

// end reads the rest of the result. A failure at commit, of a deferred constraint for example, comes after the tag.
func (a answer) end() (pgconn.CommandTag, error) {
	tag, err := a.result.Close()
	if late := a.pipeline.Close(); err == nil && late != nil {
		err = lateError{late}
	}
	a.conn.reset = a.resets && err == nil
	return tag, err
}

// nextResult returns the pipeline's next result, a T.
func nextResult[T any](p *pgconn.Pipeline) (result T, err error) {
	answer, err := p.GetResults()
	if err != nil {
		return result, err
	}
	result, ok := answer.(T)
	if !ok {
		err = fmt.Errorf("pgtenant: unexpected answer of the server: %T", answer)
	}
	return result, err
}

// readBool reads the pipeline's next result and returns its first value.
func readBool(p *pgconn.Pipeline) (bool, error) {
	result, err := nextResult[*pgconn.ResultReader](p)
	if err != nil {
		return false, err
	}
	value := false
	if result.NextRow() {
		raw := result.Values()[0]
		value = len(raw) == 1 && (raw[0] == 1 || raw[0] == 't') // binary, or text
	}
	_, err = result.Close()
	return value, err
}

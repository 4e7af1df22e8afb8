package pgtenant

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/konstruct/konstruct/tenancy"
)

// connState is what the driver keeps of a connection: the settings that its session began with, and the statements that it
// has prepared. It is stored with the connection and ends with it. It is not safe for concurrent use, as connections are not.
type connState struct {
	conn  *pgconn.PgConn
	types *pgtype.Map

	values []byte // what checkSession compares with
	parsed []byte // what setTenantAgain compares with
	bound  [3][]byte

	cache   *simplelru.LRU[string, *prepared] // by text; nil in the query mode exec, which prepares nothing
	named   bool                              // statements are prepared under a name and run by it
	names   int                               // given so far
	dropped []string                          // names that left the cache, and that the server still keeps
	params  pgx.ExtendedQueryBuilder
}

// prepared is a statement with what the server said about it.
type prepared struct {
	pgconn.StatementDescription

	formats []int16                   // one for each column
	fields  []pgconn.FieldDescription // the columns in these formats; nil if they are only known with each result
}

// connStateKey is where a connection keeps its state.
const connStateKey = "konstruct.state"

// state returns the connection's state. Its session is read once, outside of a transaction.
func (l *lease) state(ctx context.Context) (*connState, error) {
	conn := l.conn().PgConn()
	if c, ok := conn.CustomData()[connStateKey].(*connState); ok {
		return c, nil
	}
	values, parsed, err := readSession(ctx, conn)
	if err != nil {
		return nil, unsentError{err}
	}
	c := &connState{conn: conn, types: l.conn().TypeMap(), values: values, parsed: parsed}
	c.bound[0] = []byte(Setting)
	if err := c.makeCache(l.conn().Config()); err != nil {
		return nil, err
	}
	conn.CustomData()[connStateKey] = c
	return c, nil
}

func (c *connState) makeCache(config *pgx.ConnConfig) (err error) {
	size := config.DescriptionCacheCapacity
	switch config.DefaultQueryExecMode { //nolint:exhaustive // the others are refused by check
	case pgx.QueryExecModeExec:
		return nil
	case pgx.QueryExecModeCacheStatement:
		c.named, size = true, config.StatementCacheCapacity
	}
	c.cache, err = simplelru.NewLRU(size, func(_ string, p *prepared) {
		if p.Name != "" {
			c.dropped = append(c.dropped, p.Name)
		}
	})
	return err
}

// forget empties the cache of the lease's connection, if it has one.
func (l *lease) forget() {
	if c, ok := l.conn().PgConn().CustomData()[connStateKey].(*connState); ok && c.cache != nil {
		c.cache.Purge()
	}
}

// outdated reports whether a statement's outcome means that what was prepared is gone or belongs to an earlier schema.
func outdated(tag pgconn.CommandTag, err error) bool {
	if err == nil {
		return strings.HasPrefix(tag.String(), "DEALLOCATE") || strings.HasPrefix(tag.String(), "DISCARD")
	}
	var db *pgconn.PgError
	return errors.As(err, &db) && isStale(db)
}

// lookup returns the prelude and the statement as prepared. What is not in the cache is prepared, in one round trip.
func (c *connState) lookup(ctx context.Context, texts [2]string) (found [2]*prepared, err error) {
	complete := true
	for i, text := range texts {
		if c.cache == nil {
			found[i] = &prepared{StatementDescription: pgconn.StatementDescription{SQL: text}}
			continue
		}
		found[i], _ = c.cache.Get(text)
		complete = complete && found[i] != nil
	}
	if !complete {
		err = c.prepare(ctx, texts, &found)
	}
	return found, err
}

// prepare has the server prepare the statements that were not found, and close those that left the cache.
func (c *connState) prepare(ctx context.Context, texts [2]string, found *[2]*prepared) error {
	p := c.conn.StartPipeline(ctx)
	defer func() { _ = p.Close() }()
	for _, name := range c.dropped {
		p.SendDeallocate(name)
	}
	var names [2]string
	for i, text := range texts {
		if found[i] == nil {
			names[i] = c.newName()
			p.SendPrepare(names[i], text, nil)
		}
	}
	if err := p.Sync(); err != nil {
		return unsentError{err}
	}
	for range c.dropped {
		if _, err := p.GetResults(); err != nil {
			return unsentError{err}
		}
	}
	c.dropped = c.dropped[:0]
	for i, text := range texts {
		if found[i] != nil {
			continue
		}
		said, err := next[*pgconn.StatementDescription](p)
		if err != nil {
			return unpreparedError{err}
		}
		found[i] = c.keep(names[i], text, said)
	}
	return nil
}

func (c *connState) newName() string {
	if !c.named {
		return ""
	}
	c.names++
	return "konstruct_" + strconv.Itoa(c.names)
}

// keep adds a statement to the cache.
func (c *connState) keep(name, text string, said *pgconn.StatementDescription) *prepared {
	p := &prepared{StatementDescription: *said}
	p.Name, p.SQL = name, text
	for _, field := range said.Fields {
		field.Format = c.types.FormatCodeForOID(field.DataTypeOID)
		p.formats = append(p.formats, field.Format)
		if c.named { // PostgreSQL refuses to run it once its columns have changed
			p.fields = append(p.fields, field)
		}
	}
	c.cache.Add(text, p)
	return p
}

// encode returns the statement's parameters, which are valid until the next call.
func (c *connState) encode(p *prepared, args []any) (values [][]byte, formats []int16, err error) {
	description := &p.StatementDescription
	if c.cache == nil {
		description = nil
	}
	if err := c.params.Build(c.types, description, args); err != nil {
		return nil, nil, unsentError{err}
	}
	return c.params.ParamValues, c.params.ParamFormats, nil
}

// prelude returns the statement that sets the tenant and its parameters, all of them text, which are valid until the next
// call.
func (c *connState) prelude(o opening, tenant tenancy.ID) (text string, bound [][]byte) {
	text, c.bound[2] = setTenantAgain, c.parsed
	if o.check {
		text, c.bound[2] = checkSession, c.values
	}
	c.bound[1] = append(c.bound[1][:0], tenant.String()...)
	return text, c.bound[:]
}

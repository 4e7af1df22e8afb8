package pgtenant

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// connState is what the driver keeps of a connection: the settings that its session began with, and the statements that it
// has prepared. It is stored with the connection and ends with it. It is not safe for concurrent use, as connections are not.
type connState struct {
	session

	conn  *pgconn.PgConn
	types *pgtype.Map
	bound [3][]byte
	reset bool // the last use ended with resetAll
	clean bool // the same, and the session has not been used since

	own     map[string]*prepared              // the driver's statements by text; empty until the first use
	cache   *simplelru.LRU[string, *prepared] // the users'; nil in the query mode exec, which prepares nothing
	named   bool                              // statements are prepared under a name and run by it
	names   int                               // given so far
	dropped []string                          // names that left the cache, and that the server still keeps
	params  pgx.ExtendedQueryBuilder
}

// ownStatements are those that go out around the users'.
func ownStatements() []string { return []string{checkSession, checkUser, setTenantAgain, resetAll} }

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
	s, err := readSession(ctx, conn)
	if err != nil {
		return nil, unsentError{err}
	}
	c := &connState{session: s, conn: conn, types: l.conn().TypeMap()}
	c.bound[0] = []byte(rls.Setting)
	if err := c.makeCache(l.conn().Config()); err != nil {
		return nil, err
	}
	conn.CustomData()[connStateKey] = c
	return c, nil
}

// useConn is pgxpool's PrepareConn. Every user of a connection may change its session, so a reset is valid for one use.
func useConn(_ context.Context, conn *pgx.Conn) (bool, error) {
	if c, ok := conn.PgConn().CustomData()[connStateKey].(*connState); ok {
		c.clean, c.reset = c.reset, false
	}
	return true, nil
}

func (c *connState) makeCache(config *pgx.ConnConfig) (err error) {
	c.own = map[string]*prepared{}
	size := config.DescriptionCacheCapacity
	switch config.DefaultQueryExecMode { //nolint:exhaustive // the others are refused by check
	case pgx.QueryExecModeExec:
		for _, text := range ownStatements() {
			c.own[text] = unprepared(text)
		}
		return nil
	case pgx.QueryExecModeCacheStatement:
		if !c.direct { // other clients may have prepared different texts under the same names
			return fmt.Errorf("%w: query mode cache_statement behind a pooler; use cache_describe or exec", ErrConfig)
		}
		c.named, size = true, config.StatementCacheCapacity
	}
	c.cache, err = simplelru.NewLRU(size, func(_ string, p *prepared) { c.drop(p) })
	return err
}

// unprepared is a statement of the query mode exec.
func unprepared(text string) *prepared {
	return &prepared{StatementDescription: pgconn.StatementDescription{SQL: text}}
}

// drop has the server forget the statement with the next one that is prepared.
func (c *connState) drop(p *prepared) {
	if p.Name != "" {
		c.dropped = append(c.dropped, p.Name)
	}
}

// forget drops a statement that failed. It may have been prepared by settings that end with its transaction, or for types that
// its parameters no longer have.
func (l *lease) forget(text string) {
	if c := l.prepares(); c != nil {
		c.cache.Remove(text)
	}
}

// forgetAll drops all statements of the lease's connection.
func (l *lease) forgetAll() {
	c := l.prepares()
	if c == nil {
		return
	}
	c.cache.Purge()
	for _, p := range c.own {
		c.drop(p)
	}
	clear(c.own)
}

// prepares returns the state of a connection that prepares statements, or nil.
func (l *lease) prepares() *connState {
	c, ok := l.conn().PgConn().CustomData()[connStateKey].(*connState)
	if !ok || c.cache == nil {
		return nil
	}
	return c
}

// outdated reports whether a statement's outcome means that what was prepared is gone or belongs to an earlier schema.
func outdated(tag pgconn.CommandTag, err error) bool {
	if err == nil {
		return strings.HasPrefix(tag.String(), "DEALLOCATE")
	}
	var db *pgconn.PgError
	return errors.As(err, &db) && isStale(db)
}

// lookup returns the statement as prepared. If it is not in the cache it is prepared, in one round trip, and with the first
// one the driver's own statements are.
func (c *connState) lookup(ctx context.Context, text string) (*prepared, error) {
	if c.cache == nil {
		return unprepared(text), nil
	}
	if p, ok := c.cache.Get(text); ok && len(c.own) > 0 {
		return p, nil
	}
	var texts []string
	if len(c.own) == 0 {
		texts = ownStatements()
	}
	found, err := c.prepare(ctx, append(texts, text))
	if err != nil {
		for _, p := range found {
			c.drop(p)
		}
		return nil, err
	}
	for i, text := range texts {
		c.own[text] = found[i]
	}
	p := found[len(texts)]
	c.cache.Add(text, p)
	return p, nil
}

// prepare has the server prepare the statements, and close those that left the cache. Behind an error it returns those before.
func (c *connState) prepare(ctx context.Context, texts []string) (found []*prepared, err error) {
	p := c.conn.StartPipeline(ctx)
	defer func() { _ = p.Close() }()
	for _, name := range c.dropped {
		p.SendDeallocate(name)
	}
	names := make([]string, len(texts))
	for i, text := range texts {
		names[i] = c.newName()
		p.SendPrepare(names[i], text, nil)
	}
	if err := p.Sync(); err != nil {
		return nil, unsentError{err}
	}
	for range c.dropped {
		if _, err := p.GetResults(); err != nil {
			return nil, unsentError{err}
		}
	}
	c.dropped = c.dropped[:0]
	for i, text := range texts {
		said, err := next[*pgconn.StatementDescription](p)
		if err != nil {
			return found, unpreparedError{err}
		}
		found = append(found, c.describe(names[i], text, said))
	}
	return found, nil
}

func (c *connState) newName() string {
	if !c.named {
		return ""
	}
	c.names++
	return "konstruct_" + strconv.Itoa(c.names)
}

// describe returns a statement with what the server said when it prepared it.
func (c *connState) describe(name, text string, said *pgconn.StatementDescription) *prepared {
	p := &prepared{StatementDescription: *said}
	p.Name, p.SQL = name, text
	for _, field := range said.Fields {
		field.Format = c.types.FormatCodeForOID(field.DataTypeOID)
		p.formats = append(p.formats, field.Format)
		if c.named && isPlain(text) { // PostgreSQL refuses to run it once its columns have changed; not so FETCH
			p.fields = append(p.fields, field)
		}
	}
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
	switch {
	case !o.check:
		text, c.bound[2] = setTenantAgain, c.parsed
	case c.clean:
		text, c.bound[2] = checkUser, c.user
	default:
		text, c.bound[2] = checkSession, c.values
	}
	c.bound[1] = append(c.bound[1][:0], tenant.String()...)
	return text, c.bound[:]
}

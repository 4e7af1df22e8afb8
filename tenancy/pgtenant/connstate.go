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

// connState has a connection's initial settings and prepared statements. It is stored with the connection, and not safe
// for concurrent use.
type connState struct {
	session

	conn  *pgconn.PgConn
	types *pgtype.Map
	bound [3][]byte
	reset bool // the last use ended with resetAll
	clean bool // and the session has not been used since

	own     map[string]*prepared              // the driver's statements by text; empty until the first use
	cache   *simplelru.LRU[string, *prepared] // the caller's; nil in the query mode exec, which prepares nothing
	named   bool                              // statements are prepared under a name
	names   int                               // number of names used
	dropped []string                          // names that left the cache and still exist on the server
	params  pgx.ExtendedQueryBuilder
}

func ownStatements() []string { return []string{checkSession, checkUser, setTenantAgain, resetAll} }

type prepared struct {
	pgconn.StatementDescription

	formats []int16                   // by column
	fields  []pgconn.FieldDescription // the columns in these formats; nil if each result describes its own
}

const connStateKey = "konstruct.state"

// state returns the connection's state. It reads the session once, outside of a transaction.
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

// useConn is pgxpool's PrepareConn. Any use of a connection may change its session, so a reset is valid for one use.
func useConn(_ context.Context, conn *pgx.Conn) (bool, error) {
	if c, ok := conn.PgConn().CustomData()[connStateKey].(*connState); ok {
		c.clean, c.reset = c.reset, false
	}
	return true, nil
}

func (c *connState) makeCache(config *pgx.ConnConfig) (err error) {
	c.own = map[string]*prepared{}
	size := config.DescriptionCacheCapacity
	switch config.DefaultQueryExecMode { //nolint:exhaustive // check refuses the others
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

func unprepared(text string) *prepared {
	return &prepared{StatementDescription: pgconn.StatementDescription{SQL: text}}
}

func (c *connState) drop(p *prepared) {
	if p.Name != "" {
		c.dropped = append(c.dropped, p.Name)
	}
}

// forget drops a failed statement: it may have been prepared under settings of its transaction, or for types that its
// parameters no longer have.
func (l *lease) forget(text string) {
	if c := l.prepares(); c != nil {
		c.cache.Remove(text)
	}
}

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

// outdated reports whether the outcome means that prepared statements are gone or belong to an earlier schema.
func outdated(tag pgconn.CommandTag, err error) bool {
	if err == nil {
		return strings.HasPrefix(tag.String(), "DEALLOCATE")
	}
	var db *pgconn.PgError
	return errors.As(err, &db) && isStale(db)
}

// lookup returns the prepared statement. If it is not cached, it is prepared in one round trip, the first time with the
// driver's own statements.
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

// prepare prepares the statements, and deallocates those that left the cache. With an error it returns those prepared
// before.
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
		description, err := nextResult[*pgconn.StatementDescription](p)
		if err != nil {
			return found, unpreparedError{err}
		}
		found = append(found, c.describe(names[i], text, description))
	}
	if err := p.Close(); err != nil { // a statement timeout can come after the last result
		return found, unpreparedError{err}
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

func (c *connState) describe(name, text string, description *pgconn.StatementDescription) *prepared {
	p := &prepared{StatementDescription: *description}
	p.Name, p.SQL = name, text
	for _, field := range description.Fields {
		field.Format = c.types.FormatCodeForOID(field.DataTypeOID)
		p.formats = append(p.formats, field.Format)
		if c.named && isPlain(text) { // PostgreSQL refuses it after its columns changed, unlike FETCH
			p.fields = append(p.fields, field)
		}
	}
	return p
}

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

// prelude returns the statement that sets the tenant, and its text parameters. They are valid until the next call.
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

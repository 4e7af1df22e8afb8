package attack

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/konstruct/konstruct/tenancy"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
	"github.com/konstruct/konstruct/tenancy/rls"
)

// session is a login as the application's role, without the driver.
type session struct {
	conn    *pgx.Conn
	notices *notices
}

type notices struct {
	mu    sync.Mutex
	texts []string
}

func (n *notices) add(_ *pgconn.PgConn, notice *pgconn.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts = append(n.texts, notice.Message+" "+notice.Detail+" "+notice.Hint+" "+notice.Where)
}

// take returns and clears the collected notices.
func (n *notices) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	texts := n.texts
	n.texts = nil
	return texts
}

func login(ctx context.Context, dsn string) (*session, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the connection string can't be read") // pgx's error could repeat it
	}
	s := &session{notices: &notices{}}
	config.OnNotice = s.notices.add
	s.conn, err = pgtenant.Connect(ctx, config)
	return s, err
}

func (s *session) close(ctx context.Context) { _ = s.conn.Close(context.WithoutCancel(ctx)) }

// do sends one statement by the extended protocol, and reads the whole answer as text.
func (s *session) do(ctx context.Context, sql string) answer {
	s.notices.take()
	result := s.conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	a := answer{given: sql, err: result.Err, affected: result.CommandTag.RowsAffected()}
	for _, values := range result.Rows {
		row := make([]string, len(values))
		for i, value := range values {
			row[i] = string(value)
		}
		a.rows = append(a.rows, row)
	}
	a.notices = s.notices.take()
	return a
}

// all sends statements until one fails. It returns the last answer, with all notices.
func (s *session) all(ctx context.Context, statements ...string) (a answer) {
	for _, sql := range statements {
		before := a
		a = s.do(ctx, sql)
		a.given, a.notices = before.given+"\n"+sql, append(before.notices, a.notices...)
		if a.err != nil {
			return a
		}
	}
	return a
}

// run sends statements in a transaction that is rolled back, as the context's tenant or without one.
func (s *session) run(ctx context.Context, statements ...string) answer {
	if err := s.begin(ctx); err != nil {
		return answer{err: errors.New("set the tenant: " + err.Error())} // its SQLSTATE must not pass for the attack's
	}
	a := s.all(ctx, statements...)
	if err := s.rollback(ctx); err != nil {
		a.err = errors.Join(a.err, err)
	}
	return a
}

// begin begins a transaction as the driver does, of the context's tenant or without one.
func (s *session) begin(ctx context.Context) error {
	return s.all(ctx, "begin", setTenant(tenantOf(ctx), true)).err
}

func (s *session) rollback(ctx context.Context) error {
	return s.do(context.WithoutCancel(ctx), "rollback").err
}

// setTenant sets the tenant of the transaction (local) or the session.
func setTenant(id tenancy.ID, local bool) string {
	return fmt.Sprintf("select set_config('%s', %s, %t)", rls.Setting, rls.Literal(id.String()), local)
}

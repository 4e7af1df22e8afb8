package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Loopback is the only address that servers listen on.
const Loopback = "127.0.0.1"

const (
	superuser = "postgres"
	// startTimeout allows for the recovery of a large database.
	startTimeout = time.Minute

	// stopFast is PostgreSQL's fast shutdown, which ends sessions and writes data. Redis saves and exits.
	stopFast = syscall.SIGINT
	// stopNow is PostgreSQL's immediate shutdown. The next start recovers from the log.
	stopNow = syscall.SIGQUIT
	// detached is the last signal of a server that outlives this process.
	detached syscall.Signal = 0
)

// PostgresOptions configures PostgreSQL. The zero value is usable.
type PostgresOptions struct {
	// Folder of the cluster, its password, socket and log. Default: a temporary one.
	Folder string
	// Port on 127.0.0.1. Default: a free one.
	Port int
	// Password of the superuser. Default: the one stored in Folder, or a random one.
	Password string
	// Throwaway trades durability for speed, for tests.
	Throwaway bool
	// Detached keeps the server running until [StopPostgres].
	Detached bool
	// Settings for postgresql.conf, such as max_connections.
	Settings map[string]string
	// Logger of slow steps such as a download. Default: none.
	Logger *slog.Logger
}

// Postgres is a running server.
type Postgres struct {
	// Version such as "15.13".
	Version string
	// Port on 127.0.0.1.
	Port int
	// DataDir is in Folder.
	Folder, DataDir string
	// SocketDir contains the unix socket. Empty if its path would be too long.
	SocketDir string
	// Reused reports that the server was already running. Stop does not stop it.
	Reused bool

	cluster *cluster
	process *process
}

// StartPostgres returns when the server accepts connections. It uses the folder's data, and its server if running.
// Several processes may call it concurrently. The errors are [VersionError], those of this package except
// [ErrInProcess], and system errors.
func StartPostgres(ctx context.Context, opt PostgresOptions) (*Postgres, error) {
	acc, err := servingAccount()
	if err != nil {
		return nil, err
	}
	return startIn(ctx, acc, opt.Folder, "postgres", func(h *home) (*Postgres, error) {
		c := &cluster{home: h, opt: opt}
		if err := c.open(ctx); err != nil {
			return nil, err
		}
		if running, err := c.running(ctx); running != nil || err != nil {
			return running, err
		}
		return c.start(ctx)
	})
}

// StopPostgres stops the server of folder, whichever process started it, and reports whether there was one.
func StopPostgres(ctx context.Context, folder string) (bool, error) {
	acc, err := servingAccount()
	if err != nil {
		return false, err
	}
	c := &cluster{home: &home{path: folder, account: acc}}
	if stopped, err := c.home.stopRecorded(ctx); stopped || err != nil {
		return stopped, err
	}
	// Without a valid record, find the server by the data that it serves.
	if major, err := c.majorOfData(); err != nil || major == 0 || c.unlock() != nil {
		return false, err
	}
	if pg, err := c.connectRunning(ctx); pg == nil || err != nil {
		return false, err
	}
	return c.home.stopRecorded(ctx)
}

// Stop shuts the server down and waits. If ctx is done first, the shutdown is immediate. Reused and detached servers
// keep running. A throwaway server's temporary folder is removed. Stop is idempotent.
func (p *Postgres) Stop(ctx context.Context) error {
	if p.Reused || p.cluster.opt.Detached {
		return nil
	}
	return p.cluster.home.stop(ctx, p.process, "PostgreSQL")
}

// SuperuserDSN returns the superuser's URL of the database postgres, with the password.
func (p *Postgres) SuperuserDSN() string { return p.SuperuserURL("postgres") }

// SuperuserURL is [Postgres.URL] for the superuser.
func (p *Postgres) SuperuserURL(database string) string {
	return p.URL(superuser, p.cluster.password, database)
}

// URL returns the URL of a database of this server for user.
func (p *Postgres) URL(user, password, database string) string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     Loopback + ":" + strconv.Itoa(p.Port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}).String()
}

// EnsureDatabase creates the database if missing.
func (p *Postgres) EnsureDatabase(ctx context.Context, name string) error {
	var exists bool
	err := p.asSuperuser(ctx, func(conn *pgx.Conn) error {
		const find = "select exists (select from pg_database where datname = $1)"
		return conn.QueryRow(ctx, find, name).Scan(&exists)
	})
	if err != nil || exists {
		return err
	}
	return p.execute(ctx, "create database %I", name)
}

// Comment sets the comment of a database.
func (p *Postgres) Comment(ctx context.Context, database, comment string) error {
	return p.execute(ctx, "comment on database %I is %L", database, comment)
}

// execute lets PostgreSQL format the statement, because utility statements take no parameters.
func (p *Postgres) execute(ctx context.Context, format string, values ...string) error {
	return p.asSuperuser(ctx, func(conn *pgx.Conn) error {
		var statement string
		err := conn.QueryRow(ctx, "select format($1::text, variadic $2::text[])", format, values).Scan(&statement)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, statement)
		return err
	})
}

func (p *Postgres) asSuperuser(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, p.SuperuserDSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return do(conn)
}

// String omits the password.
func (p *Postgres) String() string {
	return fmt.Sprintf("PostgreSQL %s on %s:%d", p.Version, Loopback, p.Port)
}

// GoString omits the password.
func (p *Postgres) GoString() string { return p.String() }

func orSilence(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"syscall"
	"time"
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
)

// PostgresOptions configures PostgreSQL. The zero value is usable.
type PostgresOptions struct {
	// Folder of the cluster, its password, socket and log. Default: "postgres" in [DefaultFolder], or a temporary
	// folder if Throwaway.
	Folder string
	// Port on 127.0.0.1. Default: a free one.
	Port int
	// Password of the superuser. Default: the one stored in Folder, or a random one.
	Password string
	// Throwaway trades durability for speed, for tests.
	Throwaway bool
	// Detached keeps the server running until [StopPostgres].
	Detached bool
	// Binaries is the folder of PostgreSQL's programs. Default: KONSTRUCT_POSTGRES_BIN, or the newest installed.
	Binaries string
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

	cluster  *cluster
	process  *process
	password string
}

// StartPostgres returns when the server accepts connections. It uses the folder's data, and its server if running.
// Several processes may call it concurrently. The errors are [VersionError], those of this package except
// [ErrInProcess], and system errors.
func StartPostgres(ctx context.Context, opt PostgresOptions) (*Postgres, error) {
	acc, err := servingAccount()
	if err != nil {
		return nil, err
	}
	h, err := openHome(ctx, acc, opt.Folder, "postgres", opt.Throwaway)
	if err != nil {
		return nil, err
	}
	pg, err := startIn(ctx, h, opt)
	if err != nil && h.life != nil {
		_ = h.remove()
	}
	return pg, err
}

func startIn(ctx context.Context, h *home, opt PostgresOptions) (*Postgres, error) {
	lock, err := h.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Unlock() }()

	c := &cluster{home: h, opt: opt, log: orSilence(opt.Logger)}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	if running, err := c.running(ctx); running != nil || err != nil {
		return running, err
	}
	return c.start(ctx)
}

// StopPostgres stops the server of folder, whichever process started it, and reports whether there was one.
func StopPostgres(ctx context.Context, folder string) (bool, error) {
	acc, err := servingAccount()
	if err != nil {
		return false, err
	}
	if stopped, err := stopServer(ctx, folder); stopped || err != nil {
		return stopped, err
	}
	// Without a valid record, find the server by the data that it serves.
	c := &cluster{home: &home{path: folder, account: acc}}
	if major, err := c.majorOfData(); err != nil || major == 0 || c.unlock() != nil {
		return false, err
	}
	if pg, err := c.connectRunning(ctx); pg == nil || err != nil {
		return false, err
	}
	return stopServer(ctx, folder)
}

// Stop shuts the server down and waits. If ctx is done first, the shutdown is immediate. Reused and detached servers
// keep running. A throwaway server's temporary folder is removed. Stop is idempotent.
func (p *Postgres) Stop(ctx context.Context) error {
	if p.Reused || p.cluster.opt.Detached {
		return nil
	}
	if err := p.process.stop(ctx, stopFast); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	if p.cluster.home.life != nil {
		return p.cluster.home.remove()
	}
	return nil
}

// SuperuserDSN returns the superuser's URL of the database postgres, with the password.
func (p *Postgres) SuperuserDSN() string {
	return postgresURL(p.Port, p.password)
}

// String omits the password.
func (p *Postgres) String() string {
	return fmt.Sprintf("PostgreSQL %s on %s:%d", p.Version, Loopback, p.Port)
}

// GoString omits the password.
func (p *Postgres) GoString() string { return p.String() }

func postgresURL(port int, password string) string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, password),
		Host:     Loopback + ":" + strconv.Itoa(port),
		Path:     "/postgres",
		RawQuery: "sslmode=disable",
	}).String()
}

func orSilence(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

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
	// readyWithin bounds a start; recovering a large database after a power cut takes long.
	readyWithin = time.Minute

	// stopFast is PostgreSQL's fast shutdown: sessions are ended, data is written. Redis saves and ends as well.
	stopFast = syscall.SIGINT
	// stopNow is PostgreSQL's immediate shutdown: the next start recovers from the log.
	stopNow = syscall.SIGQUIT
)

// PostgresOptions say where and how PostgreSQL runs. The zero value keeps data in [DefaultFolder] on a free port.
type PostgresOptions struct {
	// Folder keeps the cluster, its password, socket and log. Empty: "postgres" below [DefaultFolder], or for a
	// Throwaway server a new folder below [os.TempDir] that goes with it.
	Folder string
	// Port on 127.0.0.1; 0 takes a free one.
	Port int
	// Password of the superuser. Empty: the one kept in Folder, or a new random one.
	Password string
	// Throwaway trades durability for speed: a crash of the machine loses the data. For tests only.
	Throwaway bool
	// Detached leaves the server running when this process ends; [StopPostgres] ends it.
	Detached bool
	// Binaries is the folder of PostgreSQL's programs. Empty: KONSTRUCT_POSTGRES_BIN, else they are looked for.
	Binaries string
	// Settings are further parameters of postgresql.conf, such as max_connections.
	Settings map[string]string
	// Logger tells about slow steps such as a download. Nil: silence.
	Logger *slog.Logger
}

// Postgres is a running server.
type Postgres struct {
	// Version is the server's, such as "15.13".
	Version string
	// Port is open on 127.0.0.1 only.
	Port int
	// Folder is what [PostgresOptions] asked for, DataDir PostgreSQL's own folder in it.
	Folder, DataDir string
	// SocketDir holds the unix socket. Empty where its path would be too long for one.
	SocketDir string
	// Reused says that the server ran already. Stop leaves it running.
	Reused bool

	cluster  *cluster
	process  *process
	password string
}

// StartPostgres returns when the server answers. It takes over the folder's data and, when its server runs already,
// that server; several processes may try at once. Errors are [ErrNoBinaries], [ErrNoAccount], [ErrUnreachable], [ErrForeignFolder],
// [ErrPortTaken], [ErrPassword], [ErrNotReady], [VersionError], or the system's own.
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

// StopPostgres ends the server that runs on folder, whichever process started it, and tells whether there was one.
func StopPostgres(ctx context.Context, folder string) (bool, error) {
	acc, err := servingAccount()
	if err != nil {
		return false, err
	}
	if stopped, err := stopServer(ctx, folder); stopped || err != nil {
		return stopped, err
	}
	// Its record may be damaged: whoever answers as the server of the data is it.
	c := &cluster{home: &home{path: folder, account: acc}}
	if major, err := c.majorOfData(); err != nil || major == 0 || c.unlock() != nil {
		return false, err
	}
	if pg, err := c.connectRunning(ctx); pg == nil || err != nil {
		return false, err
	}
	return stopServer(ctx, folder)
}

// Stop ends the server and waits for it: politely until ctx ends, then at once. What was reused or detached runs on.
// A throwaway server's temporary folder is removed. Stopping twice is harmless.
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

// SuperuserDSN is the URL of the database postgres for the superuser, password included: keep it out of logs.
func (p *Postgres) SuperuserDSN() string {
	return postgresURL(p.Port, p.password)
}

// String names the server and no secret.
func (p *Postgres) String() string {
	return fmt.Sprintf("PostgreSQL %s on %s:%d", p.Version, Loopback, p.Port)
}

// GoString is [Postgres.String], so that %#v shows no password either.
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

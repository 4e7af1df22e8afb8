package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// portAttempts is how often a free port may be snatched away between its choice and the server's bind.
	portAttempts = 5
	// leftoversWithin is how long the backends of a server that was killed may take to notice it.
	leftoversWithin = 10 * time.Second
	// invalidPassword is PostgreSQL's code for it (SQLSTATE, appendix A of its manual).
	invalidPassword = "28P01"
)

// errLeftovers says that processes of the server before this one have not ended yet.
var errLeftovers = errors.New("processes of the former server still run")

func (c *cluster) start(ctx context.Context) (*Postgres, error) {
	if err := errors.Join(c.clearStalePID(), c.clearStaleSockets()); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(leftoversWithin); ; {
		pg, err := onPort(c.opt.Port, func(port int) (*Postgres, error) { return c.startOn(ctx, port) })
		if !errors.Is(err, errLeftovers) || time.Now().After(deadline) || pause(ctx) != nil {
			return pg, err
		}
	}
}

// startOn leaves nothing running when it fails.
func (c *cluster) startOn(ctx context.Context, port int) (*Postgres, error) {
	pg, err := c.launch(port)
	if err != nil {
		return nil, err
	}
	if err := c.awaitReady(ctx, pg); err != nil {
		return nil, errors.Join(err, pg.process.stop(context.WithoutCancel(ctx), stopNow))
	}
	return pg, c.adoptPassword(ctx, pg)
}

func (c *cluster) launch(port int) (*Postgres, error) {
	socketDir, err := c.socketDir()
	if err != nil {
		return nil, err
	}
	log, err := c.home.log()
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	cmd := exec.Command(c.binaries.program("postgres"), c.arguments(port, socketDir)...)
	cmd.Stdout, cmd.Stderr = log, log
	c.runAsAccount(cmd, c.lifetime())
	process, err := launch(cmd)
	if err != nil {
		return nil, err
	}
	pg := c.server(port, socketDir)
	pg.process = process
	return pg, process.record.write(c.home.recordFile())
}

func (c *cluster) server(port int, socketDir string) *Postgres {
	return &Postgres{
		Version: c.binaries.version, Port: port, Folder: c.home.path, DataDir: c.dataDir(), SocketDir: socketDir,
		cluster: c, password: c.password,
	}
}

// lifetime writes surviving data out when this process crashes, and does not bother for throwaway data.
func (c *cluster) lifetime() lifetime {
	if c.opt.Throwaway {
		return lifetime{detached: c.opt.Detached, lastSignal: stopNow}
	}
	return lifetime{detached: c.opt.Detached, lastSignal: stopFast}
}

// socketDir is empty where the path of the longest socket in it would not fit: then there is TCP only.
func (c *cluster) socketDir() (string, error) {
	dir := c.home.file("run")
	if len(filepath.Join(dir, ".s.PGSQL.65535")) > maxSocketPath {
		return "", nil
	}
	return dir, c.home.account.ownFolder(dir)
}

// arguments override postgresql.conf, which stays as initdb wrote it.
func (c *cluster) arguments(port int, socketDir string) []string {
	settings := map[string]string{
		"listen_addresses":        Loopback,
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": quotedDirectory(socketDir),
		"unix_socket_permissions": "0700",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off",
	}
	if c.opt.Throwaway {
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
		settings["synchronous_commit"] = "off"
	}
	maps.Copy(settings, c.opt.Settings)

	args := []string{"-D", c.dataDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// quotedDirectory is an element of a PostgreSQL list of directories, which a comma would end.
func quotedDirectory(path string) string {
	if path == "" {
		return ""
	}
	return `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
}

// awaitReady returns when the server answers as ours, or explains why it never will.
func (c *cluster) awaitReady(ctx context.Context, pg *Postgres) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := c.check(ctx, pg)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrPassword):
			return err
		case pg.process.ended():
			return c.explain(pg)
		}
		if pause(ctx) != nil {
			return fmt.Errorf("%w: PostgreSQL does not answer: %w (%w); its log ends with:\n%s", ErrNotReady, ctx.Err(), err, c.home.tail())
		}
	}
}

func (c *cluster) explain(pg *Postgres) error {
	return explainEnd("PostgreSQL", pg.Port, c.home.tail())
}

// explainEnd says why a server has ended that was being started, by the end of its log.
func explainEnd(server string, port int, tail string) error {
	if strings.Contains(tail, "pre-existing shared memory block") {
		return fmt.Errorf("%w: %w: %s", ErrNotReady, errLeftovers, tail)
	}
	if strings.Contains(tail, "Address already in use") {
		return fmt.Errorf("%s cannot listen on %s:%d: %w", server, Loopback, port, ErrPortTaken)
	}
	return fmt.Errorf("%w: %s ended; its log ends with:\n%s", ErrNotReady, server, tail)
}

// check logs in and asks for the data folder: another server may listen on the port. Where the kept password is not
// right, and its file was damaged perhaps, the given one may be.
func (c *cluster) check(ctx context.Context, pg *Postgres) error {
	err := c.login(ctx, pg)
	if !errors.Is(err, ErrPassword) || c.opt.Password == "" || c.opt.Password == c.password {
		return err
	}
	given := c.server(pg.Port, pg.SocketDir)
	given.password = c.opt.Password
	if c.login(ctx, given) != nil {
		return err
	}
	c.password, pg.password = c.opt.Password, c.opt.Password
	return ReplaceFile(c.home.file("password"), []byte(c.password))
}

func (c *cluster) login(ctx context.Context, pg *Postgres) error {
	conn, err := pgx.Connect(ctx, pg.SuperuserDSN())
	if err != nil {
		return passwordFault(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var dataDir string
	if err := conn.QueryRow(ctx, "SELECT current_setting('data_directory')").Scan(&dataDir); err != nil {
		return err
	}
	if !sameFile(dataDir, c.dataDir()) {
		return fmt.Errorf("port %d belongs to the server of %s: %w", pg.Port, dataDir, ErrPortTaken)
	}
	return nil
}

func passwordFault(err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == invalidPassword {
		return fmt.Errorf("%w: the server refuses it", ErrPassword)
	}
	return err
}

// adoptPassword gives existing data the password that was asked for.
func (c *cluster) adoptPassword(ctx context.Context, pg *Postgres) error {
	if c.opt.Password == "" || c.opt.Password == c.password {
		return nil
	}
	conn, err := pgx.Connect(ctx, pg.SuperuserDSN())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var statement string
	err = conn.QueryRow(ctx, "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", superuser, c.opt.Password).Scan(&statement)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return err
	}
	c.password, pg.password = c.opt.Password, c.opt.Password
	return ReplaceFile(c.home.file("password"), []byte(c.password))
}

// onPort starts a server on the wanted port, or on a free one: another one, where that was snatched away.
func onPort[S any](wanted int, start func(port int) (S, error)) (S, error) {
	for attempt := 1; ; attempt++ {
		port, err := choosePort(wanted)
		if err != nil {
			var none S
			return none, err
		}
		server, err := start(port)
		if !errors.Is(err, ErrPortTaken) || wanted != 0 || attempt == portAttempts {
			return server, err
		}
	}
}

// choosePort finds a free port, or checks that the wanted one is free.
func choosePort(wanted int) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(Loopback, strconv.Itoa(wanted)))
	if err != nil {
		return 0, fmt.Errorf("%s:%d: %w: %w", Loopback, wanted, ErrPortTaken, err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("%s is no TCP address", listener.Addr())
	}
	return address.Port, nil
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

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
	// portAttempts bounds retries if another program takes the port first.
	portAttempts = 5
	// leftoversTimeout bounds the wait for backends of a killed server.
	leftoversTimeout = 10 * time.Second
	invalidPassword  = "28P01" // SQLSTATE
)

var errLeftovers = errors.New("processes of the previous server are still running")

func (c *cluster) start(ctx context.Context) (*Postgres, error) {
	if err := errors.Join(c.clearStalePID(), c.clearStaleSockets()); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(leftoversTimeout); ; {
		pg, err := onPort(c.opt.Port, func(port int) (*Postgres, error) { return c.startOn(ctx, port) })
		if !errors.Is(err, errLeftovers) || time.Now().After(deadline) || pause(ctx) != nil {
			return pg, err
		}
	}
}

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

// lifetime lets the server write its data if this process crashes, unless Throwaway.
func (c *cluster) lifetime() lifetime {
	if c.opt.Throwaway {
		return lifetime{detached: c.opt.Detached, lastSignal: stopNow}
	}
	return lifetime{detached: c.opt.Detached, lastSignal: stopFast}
}

// socketDir returns "" (TCP only) if the socket's path would be too long.
func (c *cluster) socketDir() (string, error) {
	dir := c.home.file("run")
	if len(filepath.Join(dir, ".s.PGSQL.65535")) > maxSocketPath {
		return "", nil
	}
	return dir, c.home.account.ownFolder(dir)
}

// arguments override postgresql.conf.
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

// quotedDirectory quotes an element of a comma-separated list of directories.
func quotedDirectory(path string) string {
	if path == "" {
		return ""
	}
	return pgx.Identifier{path}.Sanitize()
}

func (c *cluster) awaitReady(ctx context.Context, pg *Postgres) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := c.check(ctx, pg)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrPassword):
			return err
		case pg.process.ended():
			return explainEnd("PostgreSQL", pg.Port, c.home.tail())
		}
		if pause(ctx) != nil {
			return fmt.Errorf("%w: PostgreSQL does not respond: %w (%w); its log ends with:\n%s",
				ErrNotReady, ctx.Err(), err, c.home.tail())
		}
	}
}

// explainEnd derives from the log why a server exited during its start.
func explainEnd(server string, port int, tail string) error {
	if strings.Contains(tail, "pre-existing shared memory block") {
		return fmt.Errorf("%w: %w: %s", ErrNotReady, errLeftovers, tail)
	}
	if strings.Contains(tail, "Address already in use") {
		return fmt.Errorf("%s cannot listen on %s:%d: %w", server, Loopback, port, ErrPortTaken)
	}
	return fmt.Errorf("%w: %s exited; its log ends with:\n%s", ErrNotReady, server, tail)
}

// check logs in and compares the data folder, because another server can use the port. If the stored password is wrong,
// it tries the given one.
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
		return fmt.Errorf("port %d is used by the server of %s: %w", pg.Port, dataDir, ErrPortTaken)
	}
	return nil
}

func passwordFault(err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == invalidPassword {
		return fmt.Errorf("%w for PostgreSQL", ErrPassword)
	}
	return err
}

// adoptPassword changes the password of existing data to the given one.
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
	const alter = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)"
	err = conn.QueryRow(ctx, alter, superuser, c.opt.Password).Scan(&statement)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return err
	}
	c.password, pg.password = c.opt.Password, c.opt.Password
	return ReplaceFile(c.home.file("password"), []byte(c.password))
}

// onPort starts a server on the wanted port, or on a free one with retries.
func onPort[S any](wanted int, start func(port int) (S, error)) (S, error) {
	for attempt := 1; ; attempt++ {
		port, err := choosePort(wanted)
		if err != nil {
			var zero S
			return zero, err
		}
		server, err := start(port)
		if !errors.Is(err, ErrPortTaken) || wanted != 0 || attempt == portAttempts {
			return server, err
		}
	}
}

// choosePort returns a free port, or checks that the wanted one is free.
func choosePort(wanted int) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(Loopback, strconv.Itoa(wanted)))
	if err != nil {
		return 0, fmt.Errorf("%s:%d: %w: %w", Loopback, wanted, ErrPortTaken, err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("%s is not a TCP address", listener.Addr())
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

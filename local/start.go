package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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
	check := func(ctx context.Context) error { return c.check(ctx, pg) }
	if err := c.home.awaitReady(ctx, pg.process, "PostgreSQL", port, check); err != nil {
		return nil, errors.Join(err, pg.process.stop(context.WithoutCancel(ctx), stopNow))
	}
	return pg, c.adoptPassword(ctx, pg)
}

func (c *cluster) launch(port int) (*Postgres, error) {
	socketDir, err := c.socketDir()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(c.binaries.program("postgres"), c.arguments(port, socketDir)...)
	cmd.Env = c.environment()
	pg := c.server(port, socketDir)
	pg.process, err = c.home.launch(cmd, c.lastSignal())
	return pg, err
}

func (c *cluster) server(port int, socketDir string) *Postgres {
	return &Postgres{
		Version: c.binaries.version, Port: port, Folder: c.home.path, DataDir: c.dataDir(), SocketDir: socketDir,
		cluster: c,
	}
}

// lastSignal lets the server write its data if this process crashes, unless Throwaway.
func (c *cluster) lastSignal() syscall.Signal {
	switch {
	case c.opt.Detached:
		return detached
	case c.opt.Throwaway:
		return stopNow
	}
	return stopFast
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
		"unix_socket_directories": "",
		"unix_socket_permissions": "0700",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off",
	}
	if socketDir != "" { // an element of a list
		settings["unix_socket_directories"] = pgx.Identifier{socketDir}.Sanitize()
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
	if !errors.Is(err, ErrPassword) || !c.isNewPassword() {
		return err
	}
	stored := c.password
	c.password = c.opt.Password
	if c.login(ctx, pg) != nil {
		c.password = stored
		return err
	}
	return c.storePassword()
}

// isNewPassword reports whether the given password differs from the stored one.
func (c *cluster) isNewPassword() bool { return c.opt.Password != "" && c.opt.Password != c.password }

func (c *cluster) storePassword() error {
	c.password = c.opt.Password
	return ReplaceFile(c.home.file("password"), []byte(c.password))
}

func (c *cluster) login(ctx context.Context, pg *Postgres) error {
	var dataDir string
	err := pg.asSuperuser(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT current_setting('data_directory')").Scan(&dataDir)
	})
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok && answer.Code == invalidPassword {
		return fmt.Errorf("%w for PostgreSQL", ErrPassword)
	}
	if err == nil && !sameFile(dataDir, c.dataDir()) {
		return fmt.Errorf("port %d is used by the server of %s: %w", pg.Port, dataDir, ErrPortTaken)
	}
	return err
}

// adoptPassword changes the password of existing data to the given one.
func (c *cluster) adoptPassword(ctx context.Context, pg *Postgres) error {
	if !c.isNewPassword() {
		return nil
	}
	if err := pg.execute(ctx, "alter role %I password %L", superuser, c.opt.Password); err != nil {
		return err
	}
	return c.storePassword()
}

// onPort starts a server on the wanted port, or on a free one with retries.
func onPort[S any](wanted int, start func(port int) (S, error)) (S, error) {
	for attempt := 1; ; attempt++ {
		port, err := choosePort(wanted)
		if err != nil {
			return *new(S), err
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
	return int(netip.MustParseAddrPort(listener.Addr().String()).Port()), nil
}

func sameFile(a, b string) bool {
	first, firstErr := os.Stat(a)
	second, secondErr := os.Stat(b)
	return firstErr == nil && secondErr == nil && os.SameFile(first, second)
}

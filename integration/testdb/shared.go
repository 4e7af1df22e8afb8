package testdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/konstruct/konstruct/local"
	"github.com/konstruct/konstruct/local/flock"
)

const (
	urlVariable    = "KONSTRUCT_TEST_DATABASE_URL"
	serverVariable = "KONSTRUCT_TEST_SERVER"
)

// process joins the shared cluster in the process's first test with a database. [Main] leaves it.
//
//nolint:gochecknoglobals // one per process
var (
	joined  *member
	process = sync.OnceValues(func() (m *member, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
		defer cancel()
		joined, err = join(ctx)
		return joined, err
	})
)

// member is a process that uses the shared cluster.
type member struct {
	cluster *Cluster
	// The rest is empty for a cluster from KONSTRUCT_TEST_DATABASE_URL, which is not stopped.
	place *place
	alive *flock.File
}

// Main runs a package's tests, and stops the shared server if no other process uses it. Without Main, the next run
// does.
//
//	func TestMain(m *testing.M) { testdb.Main(m) }
func Main(m *testing.M) {
	m.Run()
	if joined == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	if err := joined.leave(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "testdb: %v\n", err)
	}
}

// join finds or starts the server.
func join(ctx context.Context) (*member, error) {
	if given := os.Getenv(urlVariable); given != "" {
		return joinGiven(ctx, given)
	}
	kind, err := chooseKind(ctx, os.Getenv(serverVariable))
	if err != nil {
		return nil, err
	}
	p, err := openPlace(kind)
	if err != nil {
		return nil, err
	}
	return p.join(ctx)
}

func joinGiven(ctx context.Context, given string) (*member, error) {
	c, err := connect(ctx, given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", urlVariable, err)
	}
	c.keepRunning = func() error { return nil }
	announce(c, urlVariable)
	return &member{cluster: c}, c.cleanUp(ctx, false)
}

// kind is a way to run the server.
type kind struct {
	name string
	// start returns the superuser's URL, and starts the server if needed.
	start func(context.Context, *place) (string, error)
	stop  func(context.Context, *place) error
}

func chooseKind(ctx context.Context, wanted string) (kind, error) {
	switch wanted {
	case "local":
		return localKind, nil
	case "docker":
		return dockerKind, dockerAnswers(ctx)
	case "":
		if dockerAnswers(ctx) != nil {
			return localKind, nil //nolint:nilerr // without an engine, use this machine's
		}
		if err := obtainImage(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "testdb: %v: using this machine's PostgreSQL\n", err)
			return localKind, nil
		}
		return dockerKind, nil
	default:
		return kind{}, fmt.Errorf("%s is %q: it may be local or docker", serverVariable, wanted)
	}
}

// place is the folder through which one user's processes share a server of one kind.
type place struct {
	kind   kind
	folder string
}

func openPlace(k kind) (*place, error) {
	folder, err := ownFolder()
	if err != nil {
		return nil, err
	}
	p := &place{kind: k, folder: filepath.Join(folder, placeName(k, os.Getenv(local.BinariesVariable)))}
	return p, local.OwnFolder(p.folder)
}

// ownFolder returns a folder for shared files that no other user can write to.
func ownFolder() (string, error) {
	folder := filepath.Join(serverFolder(), "konstruct-test-"+strconv.Itoa(os.Geteuid()))
	return folder, local.OwnFolder(folder)
}

// placeName includes the binaries, so that a run does not join a server of another version.
func placeName(k kind, binaries string) string {
	if binaries == "" || k.name != localKind.name {
		return k.name
	}
	sum := sha256.Sum256([]byte(filepath.Clean(binaries)))
	return k.name + "-" + hex.EncodeToString(sum[:4])
}

func (p *place) file(name string) string { return filepath.Join(p.folder, name) }

// changing is locked to start, join, leave or stop. Members share the lock of living, so a process that locks it
// exclusively is the only one.
func (p *place) changing(ctx context.Context) (*flock.File, error) {
	return flock.Lock(ctx, p.file("changing"))
}

func (p *place) living() string { return p.file("living") }

// keepMarker is a file that keeps the server running.
func (p *place) keepMarker() string { return p.file("kept") }

func (p *place) join(ctx context.Context) (*member, error) {
	lock, err := p.changing(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Unlock() }()

	alone, err := p.alone()
	if err != nil {
		return nil, err
	}
	if alone {
		if err := os.RemoveAll(p.keepMarker()); err != nil {
			return nil, err
		}
	}
	c, err := p.cluster(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.cleanUp(ctx, alone); err != nil {
		return nil, err
	}
	alive, err := flock.Share(ctx, p.living())
	if err != nil {
		return nil, err
	}
	announce(c, p.kind.name)
	return &member{cluster: c, place: p, alive: alive}, nil
}

func (p *place) alone() (bool, error) {
	lock, alone, err := flock.Try(p.living())
	if err != nil || !alone {
		return false, err
	}
	return true, lock.Unlock()
}

func (p *place) cluster(ctx context.Context) (*Cluster, error) {
	superURL, err := p.kind.start(ctx, p)
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, superURL)
	if err != nil {
		return nil, err
	}
	password, _ := c.base.User.Password()
	if err := os.WriteFile(p.file("password"), []byte(password), 0o600); err != nil {
		return nil, err
	}
	c.hint = "PGPASSWORD=$(cat " + p.file("password") + ") "
	c.keepRunning = func() error { return os.WriteFile(p.keepMarker(), nil, 0o600) }
	return c, nil
}

// leave stops the server if no other process uses it and no database was kept.
func (m *member) leave(ctx context.Context) error {
	m.cluster.admin.Close()
	if m.place == nil {
		return nil
	}
	lock, err := m.place.changing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Unlock() }()
	if err := m.alive.Unlock(); err != nil {
		return err
	}
	alone, err := m.place.alone()
	if err != nil || !alone {
		return err
	}
	if _, err := os.Stat(m.place.keepMarker()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return m.place.kind.stop(ctx, m.place)
}

// announce prints to stderr, which `go test` shows for failing packages and with -v.
func announce(c *Cluster, source string) {
	fmt.Fprintf(os.Stderr, "testdb: %s (%s)\n", c, source)
}

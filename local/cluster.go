package local

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// locales are in order of preference: the first supports all letters, the second exists everywhere. Neither uses
// collation rules of system libraries, which change between versions.
func locales() []string { return []string{"C.UTF-8", "C"} }

// cluster is a data folder with matching binaries and the superuser's password.
type cluster struct {
	home     *home
	opt      PostgresOptions
	binaries binaries
	password string
}

func (c *cluster) dataDir() string { return c.home.file("data") }

// open finds the binaries and creates the data if missing.
func (c *cluster) open(ctx context.Context) error {
	major, err := c.majorOfData()
	if err != nil {
		return err
	}
	if major != 0 && major < minimumMajor {
		return &VersionError{DataDir: c.dataDir(), Data: major}
	}
	if c.binaries, err = c.finder().find(ctx, major); err != nil {
		return err
	}
	switch major {
	case 0:
		return c.create(ctx)
	case c.binaries.major:
		return c.unlock()
	}
	return &VersionError{DataDir: c.dataDir(), Data: major, Binaries: c.binaries.major}
}

// unlock reads the password of existing data.
func (c *cluster) unlock() error {
	if err := checkFolder(c.dataDir(), c.home.account.uid); err != nil {
		return err
	}
	kept, err := os.ReadFile(c.home.file("password"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	c.password = cmp.Or(string(kept), c.opt.Password)
	if c.password == "" {
		return fmt.Errorf("%w: %s is empty or missing: remove the folder %s to start over",
			ErrPassword, c.home.file("password"), c.home.path)
	}
	return nil
}

// majorOfData returns 0 if there are no data.
func (c *cluster) majorOfData() (int, error) {
	content, err := os.ReadFile(filepath.Join(c.dataDir(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s/PG_VERSION: %w", c.dataDir(), err)
	}
	return major, nil
}

func (c *cluster) finder() finder {
	return finder{
		account:  c.home.account,
		explicit: os.Getenv(BinariesVariable),
		path:     os.Getenv("PATH"),
		patterns: usualFolders(),
		download: c.download,
	}
}

// download stores the programs in [DefaultFolder], or beside the data if that is not writable.
func (c *cluster) download(ctx context.Context, major int) (string, error) {
	source := downloader{folder: c.home.file("programs"), mode: c.home.mode(), repository: mavenCentral}
	if base, err := DefaultFolder(); err == nil {
		if programs := filepath.Join(base, "programs"); makeFolder(programs, source.mode) == nil {
			source.folder = programs
		}
	}
	orSilence(c.opt.Logger).InfoContext(ctx, "PostgreSQL is not installed; downloading it", "folder", source.folder)
	return source.get(ctx, major)
}

// create runs initdb in a temporary folder, so that an interrupted run never looks like a cluster.
func (c *cluster) create(ctx context.Context) error {
	var err error
	if c.password, err = c.home.secret(c.opt.Password); err != nil {
		return err
	}
	var faults []error
	for _, locale := range locales() {
		err := c.initdb(ctx, locale)
		if err == nil {
			return os.Rename(c.home.file("data.new"), c.dataDir())
		}
		faults = append(faults, err)
	}
	return fmt.Errorf("initdb: %w", errors.Join(faults...))
}

func (c *cluster) initdb(ctx context.Context, locale string) error {
	draft := c.home.file("data.new")
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	if err := c.home.account.ownFolder(draft); err != nil {
		return err
	}
	passwordFile, err := c.passwordFile()
	defer func() { _ = os.Remove(passwordFile) }()
	if err != nil {
		return err
	}

	args := []string{
		"--pgdata=" + draft, "--username=" + superuser, "--pwfile=" + passwordFile,
		"--auth-local=scram-sha-256", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=" + locale, "--no-instructions",
	}
	if c.opt.Throwaway {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, c.binaries.program("initdb"), args...)
	cmd.Env = c.environment()
	cmd.Dir = "/"
	c.home.account.runAs(cmd, stopNow)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

// passwordFile is readable by the account only.
func (c *cluster) passwordFile() (string, error) {
	file, err := os.CreateTemp(c.home.path, ".initdb-")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(c.password)
	return file.Name(), errors.Join(err, file.Close(), c.home.account.take(file.Name(), 0o400))
}

// environment lacks variables such as PGPORT and LC_ALL, which affect the programs.
func (c *cluster) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + c.home.path}
}

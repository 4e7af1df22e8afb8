package local

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
)

// account is the system user that runs a server.
type account struct {
	uid, gid int
	// name is for errors about an account that is not the current user.
	name     string
	switched bool
}

// servingAccount returns the current user. Root uses postgres or nobody, because initdb and postgres refuse root, and
// initdb refuses uids missing from the user database.
func servingAccount() (account, error) {
	if err := supported(); err != nil {
		return account{}, err
	}
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		entry, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(entry.Uid)
		gid, gidErr := strconv.Atoi(entry.Gid)
		if uidErr == nil && gidErr == nil {
			return account{name: "the user " + name, uid: uid, gid: gid, switched: true}, nil
		}
	}
	return account{}, ErrNoAccount
}

// checkReach rejects a path with a folder that the account cannot enter.
func (a account) checkReach(path string) error {
	if !a.switched {
		return nil
	}
	for folder := path; ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err != nil {
			return err
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("root starts servers as %s, which cannot enter %s: %w",
				a.name, folder, ErrUnreachable)
		}
		if folder == filepath.Dir(folder) {
			return nil
		}
	}
}

// mayEnter checks the account's execute bit. Supplementary groups are dropped.
func (a account) mayEnter(folder os.FileInfo) bool {
	uid, gid := owner(folder)
	execute := os.FileMode(0o001)
	switch {
	case uid == a.uid:
		execute = 0o100
	case gid == a.gid:
		execute = 0o010
	}
	return folder.Mode()&execute != 0
}

// ownFolder creates folder with mode 0700 for the account. The current user must own its parent.
func (a account) ownFolder(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := checkFolder(folder, os.Geteuid(), a.uid); err != nil {
		return err
	}
	return a.take(folder, 0o700)
}

// take gives path, which must not be a symlink, to the account.
func (a account) take(path string, mode os.FileMode) error {
	if a.switched {
		if err := os.Lchown(path, a.uid, a.gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// checkFolder requires a directory, not a symlink, that one of the users owns.
func checkFolder(folder string, uids ...int) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	switch found, _ := owner(info); {
	case info.Mode()&os.ModeSymlink != 0:
		return fmt.Errorf("%s is a symlink: %w", folder, ErrForeignFolder)
	case !info.IsDir():
		return fmt.Errorf("%s is a file: %w", folder, ErrForeignFolder)
	case !slices.Contains(uids, found):
		return fmt.Errorf("%s is owned by uid %d: %w", folder, found, ErrForeignFolder)
	}
	return nil
}

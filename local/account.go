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
	name     string
	uid, gid int
	// switched is set if this is not the current user.
	switched bool
}

// servingAccount returns the current user. Root uses postgres or nobody, because initdb and postgres refuse root, and
// initdb refuses uids missing from the user database.
func servingAccount() (account, error) {
	if err := supported(); err != nil {
		return account{}, err
	}
	if uid := os.Geteuid(); uid != 0 {
		return account{name: "uid " + strconv.Itoa(uid), uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if found, err := lookUp(name); err == nil {
			return found, nil
		}
	}
	return account{}, ErrNoAccount
}

func lookUp(name string) (account, error) {
	entry, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	uid, err := strconv.Atoi(entry.Uid)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.Atoi(entry.Gid)
	if err != nil {
		return account{}, err
	}
	return account{name: "the user " + name, uid: uid, gid: gid, switched: true}, nil
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
	switch mode := folder.Mode().Perm(); {
	case uid == a.uid:
		return mode&0o100 != 0
	case gid == a.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
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
	if !info.IsDir() {
		return fmt.Errorf("%s is a %s: %w", folder, kindOf(info), ErrForeignFolder)
	}
	found, _ := owner(info)
	if slices.Contains(uids, found) {
		return nil
	}
	return fmt.Errorf("%s is owned by uid %d: %w", folder, found, ErrForeignFolder)
}

func kindOf(info os.FileInfo) string {
	if info.Mode()&os.ModeSymlink != 0 {
		return "symlink"
	}
	return "file"
}

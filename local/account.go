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

// account is the user of the operating system that a server runs as.
type account struct {
	name     string
	uid, gid int
	// switched is true where that is not this process's own user.
	switched bool
}

// servingAccount is this process's user, or for root the first harmless one: initdb and postgres refuse root, and
// initdb refuses a uid without an entry in the user database as well.
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

// checkReach tells which folder above path, or path itself, keeps the account out.
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
			return fmt.Errorf("%s, as whom servers run when root starts them, cannot enter %s: %w", a.name, folder, ErrUnreachable)
		}
		if folder == filepath.Dir(folder) {
			return nil
		}
	}
}

// mayEnter reads the one execute bit that counts for the account. Its supplementary groups are dropped at the switch.
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

// ownFolder makes folder a directory of mode 0700 that belongs to the account. Its parent must be ours.
func (a account) ownFolder(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := checkFolder(folder, os.Geteuid(), a.uid); err != nil {
		return err
	}
	return a.take(folder, 0o700)
}

// take hands path, which must not be a symlink, to the account.
func (a account) take(path string, mode os.FileMode) error {
	if a.switched {
		if err := os.Lchown(path, a.uid, a.gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, mode)
}

// checkFolder demands a real directory that belongs to one of the users.
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
	return fmt.Errorf("%s belongs to uid %d: %w", folder, found, ErrForeignFolder)
}

func kindOf(info os.FileInfo) string {
	if info.Mode()&os.ModeSymlink != 0 {
		return "symlink"
	}
	return "file"
}

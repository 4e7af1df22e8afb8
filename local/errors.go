package local

import (
	"errors"
	"fmt"
)

// The errors of local, matched with [errors.Is]. Their messages name the folder, port or program in question.
var (
	// ErrNoBinaries says that PostgreSQL was neither found nor could be downloaded.
	ErrNoBinaries = errors.New("no usable PostgreSQL")
	// ErrUnreachable says that a folder lies where the servers' user cannot go, such as below /root.
	ErrUnreachable = errors.New("folder out of the server's reach")
	// ErrNoAccount says that root has no other user to run a server as.
	ErrNoAccount = errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody: " +
		"create one, or start as an ordinary user")
	// ErrForeignFolder says that a folder is a symlink, a file or another user's.
	ErrForeignFolder = errors.New("not a folder of one's own")
	// ErrFolder is returned when the folder for data cannot be determined or made.
	ErrFolder = errors.New("no folder for local data")
	// ErrPortTaken says that another program listens on the port that was asked for.
	ErrPortTaken = errors.New("port is taken")
	// ErrPassword says that a server or its data exists, but not with the password that is kept or given.
	ErrPassword = errors.New("password does not fit")
	// ErrNotReady says that a server ended while it started, or did not answer in time.
	ErrNotReady = errors.New("server did not become ready")
)

// VersionError says that a data folder was made by another major version than the binaries at hand, or by one that is
// no longer supported. PostgreSQL cannot open it, and only pg_upgrade or a dump can carry it over.
type VersionError struct {
	DataDir string
	// Data and Binaries are major versions, such as 15 and 16. Binaries is 0 where Data is too old for any.
	Data, Binaries int
}

// Error names the versions and the ways out.
func (e *VersionError) Error() string {
	if e.Binaries == 0 {
		return fmt.Sprintf("%s was made by PostgreSQL %d, and %d is the oldest that is supported: carry the data over "+
			"(pg_dumpall of PostgreSQL %d, or pg_upgrade), or remove the folder to start over", e.DataDir, e.Data, minimumMajor, e.Data)
	}
	return fmt.Sprintf("%s was made by PostgreSQL %d, but the binaries here are PostgreSQL %d: "+
		"install PostgreSQL %d, or remove the folder to start over", e.DataDir, e.Data, e.Binaries, e.Data)
}

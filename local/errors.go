package local

import (
	"errors"
	"fmt"
)

// Match these errors with [errors.Is]. Messages include the folder, port or program.
var (
	// ErrNoBinaries is returned when PostgreSQL is neither installed nor downloadable.
	ErrNoBinaries = errors.New("no usable PostgreSQL")
	// ErrUnreachable is returned when the servers' user has no access to a folder, such as one in /root.
	ErrUnreachable = errors.New("folder not accessible to the server")
	// ErrNoAccount is returned when root has no other user to run servers as.
	ErrNoAccount = errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody: " +
		"create the user postgres, or run as an unprivileged user")
	// ErrForeignFolder is returned when a folder is a symlink, a file, or owned by another user.
	ErrForeignFolder = errors.New("not a folder owned by the current user")
	// ErrFolder is returned when the data folder cannot be determined or created.
	ErrFolder = errors.New("no folder for local data")
	// ErrPortTaken is returned when another program listens on the requested port.
	ErrPortTaken = errors.New("port is in use")
	// ErrPassword is returned when the stored or given password does not match the data or the running server.
	ErrPassword = errors.New("wrong password")
	// ErrNotReady is returned when a server exits during its start, or does not respond in time.
	ErrNotReady = errors.New("server did not become ready")
)

// VersionError is returned when data were created by another major version than the installed one, or by an unsupported
// one. pg_upgrade or a dump converts them.
type VersionError struct {
	DataDir string
	// Data and Binaries are major versions. Binaries is 0 if Data is not supported.
	Data, Binaries int
}

// Error includes the remedy.
func (e *VersionError) Error() string {
	if e.Binaries == 0 {
		return fmt.Sprintf("%s was created by PostgreSQL %d; the oldest supported version is %d: convert the data "+
			"(pg_dumpall of PostgreSQL %d, or pg_upgrade), or remove the folder to start over", e.DataDir, e.Data,
			minimumMajor, e.Data)
	}
	return fmt.Sprintf("%s was created by PostgreSQL %d, but PostgreSQL %d is installed: "+
		"install PostgreSQL %d, or remove the folder to start over", e.DataDir, e.Data, e.Binaries, e.Data)
}

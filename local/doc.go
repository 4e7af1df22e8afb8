// Package local runs PostgreSQL and Redis on this machine without Docker: for `konstruct dev`, for `task up` where
// no Docker engine answers, and for tests.
//
//	pg, err := local.StartPostgres(ctx, local.PostgresOptions{Folder: folder})
//	if err != nil {
//		return err
//	}
//	defer pg.Stop(context.WithoutCancel(ctx))
//	pool, err := pgxpool.New(ctx, pg.SuperuserDSN())
//
// Three lives are possible. By default a server ends with [Postgres.Stop] or, on Linux, with this process, and its
// folder survives; starting again continues with the same data, and a folder whose server still runs is reused.
// Throwaway servers trade durability for speed and take their folder with them. Detached servers ([StartDetached])
// outlive the process, until [StopDetached].
//
// # Binaries
//
// PostgreSQL 15 or later is looked for in KONSTRUCT_POSTGRES_BIN, the PATH, `pg_config --bindir` and the usual
// folders of the distributions; the newest is taken, or for existing data the one of its major version. Where there
// is none it is downloaded once. Redis is redis-server from the PATH, else miniredis inside this process.
//
// # Safety
//
// Servers listen on 127.0.0.1 and on a unix socket in a folder of their own, and always demand a password
// (scram-sha-256, random unless given, kept in a file of mode 0600). PostgreSQL refuses to run as root: started by
// root, servers run as the user postgres, else nobody, and what this process writes stays in a folder that they
// cannot write to. Folders are never followed through a symlink.
//
// The package may import local/flock and nothing else of this module. Only cmd and tests import it. On Windows its
// functions fail with [errors.ErrUnsupported].
package local

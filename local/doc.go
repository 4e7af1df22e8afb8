// Package local runs PostgreSQL and Redis on this machine without Docker, for `konstruct dev`, `task up` and tests.
//
//	pg, err := local.StartPostgres(ctx, local.PostgresOptions{Folder: folder})
//	if err != nil {
//		return err
//	}
//	defer pg.Stop(context.WithoutCancel(ctx))
//	pool, err := pgxpool.New(ctx, pg.SuperuserDSN())
//
// By default a server ends with [Postgres.Stop] or, on Linux, with this process, and keeps its data. A running server
// is reused. Throwaway servers trade durability for speed and remove their folder. Detached servers ([StartDetached])
// run until [StopDetached].
//
// # Binaries
//
// PostgreSQL 15 or later is searched in KONSTRUCT_POSTGRES_BIN, the PATH, `pg_config --bindir` and the folders of
// common distributions. The newest is used, or the version of existing data. A missing one is downloaded once. Redis is
// redis-server from the PATH, or miniredis in this process.
//
// # Safety
//
// Servers listen on 127.0.0.1 and on a unix socket in a private folder, and require a password (scram-sha-256, random
// by default, in a file of mode 0600). Root starts servers as postgres or nobody, who cannot write to the files of this
// process. Symlinks to folders are not followed.
//
// The package imports only local/flock of this module. On Windows its functions return [errors.ErrUnsupported].
package local

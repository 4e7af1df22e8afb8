package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrNotBootstrapped is what every [NotBootstrappedError] is.
	ErrNotBootstrapped = errors.New("the database is not bootstrapped")
	// ErrEncoding is returned when the database's encoding is not UTF-8: it would refuse characters, or store others.
	ErrEncoding = errors.New("the database is not UTF-8: make it with ENCODING 'UTF8' TEMPLATE template0")
	// ErrRole means that the URL logs in as a role that cannot migrate.
	ErrRole = errors.New("this role cannot migrate")
)

// NotBootstrappedError says what is missing, and what a superuser has to run.
type NotBootstrappedError struct {
	// Missing are the findings, a sentence each.
	Missing []string
	// Host, Port and Database are those of the URL.
	Host     string
	Port     uint16
	Database string
	// Err is the failed login, where there was one.
	Err error
}

// Error is several lines: it is meant for a person.
func (e *NotBootstrappedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s", ErrNotBootstrapped, e.Database)
	for _, m := range e.Missing {
		fmt.Fprintf(&b, "\n  - %s", m)
	}
	psql := fmt.Sprintf("psql -X -h %s -p %d -U postgres -d %s", e.Host, e.Port, e.Database)
	fmt.Fprintf(&b, `
A superuser (or, on managed PostgreSQL, the administrator) has to run this once:
    %s -v ON_ERROR_STOP=1 -f migrate/bootstrap.sql
    %s -c '\password %s' -c '\password %s'
bootstrap.sql is in the repository, and the binary prints it: konstruct migrate bootstrap --print`,
		psql, psql, OwnerRole, AppRole)
	return b.String()
}

// Unwrap makes it an [ErrNotBootstrapped], and gives the failed login.
func (e *NotBootstrappedError) Unwrap() []error { return []error{ErrNotBootstrapped, e.Err} }

// identify tells whether the URL is a superuser's. Otherwise it has to be the owner's, in a bootstrapped database.
func identify(ctx context.Context, url string) (super bool, err error) {
	conn, err := connect(ctx, url, nil)
	if err != nil {
		return false, explainLogin(url, err)
	}
	defer closeConn(ctx, conn)
	var user, encoding string
	if err := conn.QueryRow(ctx, `SELECT r.rolname, r.rolsuper, pg_encoding_to_char(d.encoding)
		FROM pg_roles AS r, pg_database AS d WHERE r.rolname = current_user AND d.datname = current_database()`).
		Scan(&user, &super, &encoding); err != nil {
		return false, err
	}
	if encoding != "UTF8" {
		return false, fmt.Errorf("%w: %s is %s", ErrEncoding, conn.Config().Database, encoding)
	}
	if super {
		return true, nil
	}
	if user != OwnerRole {
		return false, fmt.Errorf("%w: %s: log in as %s, or as a superuser", ErrRole, user, OwnerRole)
	}
	missing, err := unbootstrapped(ctx, conn)
	if err != nil {
		return false, err
	}
	if len(missing) > 0 {
		return false, notBootstrapped(conn.Config(), missing, nil)
	}
	return false, nil
}

func notBootstrapped(cfg *pgx.ConnConfig, missing []string, err error) error {
	return &NotBootstrappedError{Missing: missing, Host: cfg.Host, Port: cfg.Port, Database: cfg.Database, Err: err}
}

// explainLogin adds what to run where the owner cannot log in because there may be no owner yet.
func explainLogin(url string, err error) error {
	cfg, parseErr := pgx.ParseConfig(url)
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	if parseErr != nil || !ok || cfg.User != OwnerRole || !slices.Contains([]string{
		"28000", // invalid_authorization_specification
		"28P01", // invalid_password: also where there is no such role
		"42501", // insufficient_privilege
	}, pgErr.Code) {
		return fmt.Errorf("migrate: %w", err)
	}
	return notBootstrapped(cfg, []string{OwnerRole + " cannot log in: there is no such role, or its password is another"}, err)
}

// What bootstrap.sql makes true and a plain owner can see. What managed PostgreSQL does not let anyone revoke is left to
// the doctor, who warns of it.
const unbootstrappedQuery = `
SELECT finding FROM (
  SELECT 1, format('there is no role %s', wanted)
    FROM unnest(ARRAY['konstruct_app', 'konstruct_resolver']) AS wanted
   WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
  UNION ALL
  SELECT 2, format('%s could pass row-level security by', rolname)
    FROM pg_roles
   WHERE rolname LIKE 'konstruct\_%' AND rolname IN ('konstruct_owner', 'konstruct_app', 'konstruct_resolver')
     AND (rolsuper OR rolbypassrls)
  UNION ALL
  SELECT 3, format('the database belongs to %s', pg_get_userbyid(datdba))
    FROM pg_database
   WHERE datname = current_database() AND pg_get_userbyid(datdba) <> 'konstruct_owner'
  UNION ALL
  SELECT 4, format('schema public belongs to %s', pg_get_userbyid(nspowner))
    FROM pg_namespace
   WHERE nspname = 'public' AND pg_get_userbyid(nspowner) <> 'konstruct_owner'
  UNION ALL
  SELECT 5, 'konstruct_owner is no member of konstruct_resolver'
   WHERE NOT EXISTS (
         SELECT FROM pg_auth_members AS m
           JOIN pg_roles AS g ON g.oid = m.roleid
           JOIN pg_roles AS r ON r.oid = m.member
          WHERE g.rolname = 'konstruct_resolver' AND r.rolname = 'konstruct_owner')
  UNION ALL
  SELECT 6, format('PUBLIC holds %s on the database', a.privilege_type)
    FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
   WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE')
  UNION ALL
  SELECT 7, format('PUBLIC holds %s on schema public', a.privilege_type)
    FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
   WHERE n.nspname = 'public' AND a.grantee = 0
  UNION ALL
  SELECT 8, 'konstruct_app has no role defaults (statement_timeout and others)'
   WHERE NOT EXISTS (
         SELECT FROM pg_db_role_setting AS s
           JOIN pg_roles AS r ON r.oid = s.setrole
          WHERE r.rolname = 'konstruct_app' AND s.setdatabase = 0)
) AS found (n, finding) ORDER BY n, finding`

func unbootstrapped(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, unbootstrappedQuery)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

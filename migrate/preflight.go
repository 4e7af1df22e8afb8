package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

var (
	// ErrNotBootstrapped matches every [NotBootstrappedError].
	ErrNotBootstrapped = errors.New("the database is not bootstrapped")
	// ErrEncoding is returned when the database's encoding is not UTF-8, which would reject or change characters.
	ErrEncoding = errors.New("the database is not UTF-8: create it with ENCODING 'UTF8' TEMPLATE template0")
	// ErrRole is returned when the URL's role is neither the owner role nor a superuser.
	ErrRole = errors.New("this role cannot migrate")
)

// NotBootstrappedError is returned when the bootstrap is missing or incomplete.
type NotBootstrappedError struct {
	// Missing lists what is missing, one sentence each.
	Missing []string
	// Host, Port and Database are from the URL.
	Host     string
	Port     uint16
	Database string
	// Err is the failed login, if any.
	Err error
}

// Error returns several lines, including the commands to run.
func (e *NotBootstrappedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s", ErrNotBootstrapped, e.Database)
	for _, m := range e.Missing {
		fmt.Fprintf(&b, "\n  - %s", m)
	}
	psql := fmt.Sprintf("psql -X -h %s -p %d -U postgres -d %s", e.Host, e.Port, e.Database)
	fmt.Fprintf(&b, `
A superuser (on managed PostgreSQL, the administrator) must run once:
    %s -v ON_ERROR_STOP=1 -f migrate/bootstrap.sql
    %s -c '\password %s' -c '\password %s'
"konstruct migrate bootstrap" prints bootstrap.sql.`,
		psql, psql, OwnerRole, AppRole)
	return b.String()
}

// Unwrap returns [ErrNotBootstrapped] and the failed login.
func (e *NotBootstrappedError) Unwrap() []error { return []error{ErrNotBootstrapped, e.Err} }

// identify reports whether the URL's role is a superuser. Any other role must be the owner of a bootstrapped database.
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
	rows, _ := conn.Query(ctx, unbootstrappedQuery) // its error is that of the rows
	missing, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(missing) > 0 {
		err = notBootstrapped(conn.Config(), missing, nil)
	}
	return false, err
}

func notBootstrapped(cfg *pgx.ConnConfig, missing []string, err error) error {
	return &NotBootstrappedError{Missing: missing, Host: cfg.Host, Port: cfg.Port, Database: cfg.Database, Err: err}
}

// explainLogin adds the bootstrap commands if the owner role cannot log in, which may not exist yet.
func explainLogin(url string, err error) error {
	cfg, parseErr := pgx.ParseConfig(url)
	if parseErr != nil || cfg.User != OwnerRole || !hasCode(err,
		"28000", // invalid_authorization_specification
		"28P01", // invalid_password, also if the role does not exist
		"42501", // insufficient_privilege
	) {
		return fmt.Errorf("migrate: %w", err)
	}
	return notBootstrapped(cfg,
		[]string{OwnerRole + " cannot log in: the role does not exist, or the password is wrong"}, err)
}

// unbootstrappedQuery checks the effects of bootstrap.sql that the owner role can see. The doctor warns of privileges
// that managed PostgreSQL allows no one to revoke.
const unbootstrappedQuery = `
SELECT finding FROM (
  SELECT 1, format('role %s does not exist', wanted)
    FROM unnest(ARRAY['konstruct_app', 'konstruct_resolver']) AS wanted
   WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
  UNION ALL
  SELECT 2, format('%s bypasses row-level security', rolname)
    FROM pg_roles
   WHERE rolname LIKE 'konstruct\_%' AND rolname IN ('konstruct_owner', 'konstruct_app', 'konstruct_resolver')
     AND (rolsuper OR rolbypassrls)
  UNION ALL
  SELECT 3, format('the database is owned by %s', pg_get_userbyid(datdba))
    FROM pg_database
   WHERE datname = current_database() AND pg_get_userbyid(datdba) <> 'konstruct_owner'
  UNION ALL
  SELECT 4, format('schema public is owned by %s', pg_get_userbyid(nspowner))
    FROM pg_namespace
   WHERE nspname = 'public' AND pg_get_userbyid(nspowner) <> 'konstruct_owner'
  UNION ALL
  SELECT 5, 'konstruct_owner is not a member of konstruct_resolver'
   WHERE NOT EXISTS (
         SELECT FROM pg_auth_members AS m
           JOIN pg_roles AS g ON g.oid = m.roleid
           JOIN pg_roles AS r ON r.oid = m.member
          WHERE g.rolname = 'konstruct_resolver' AND r.rolname = 'konstruct_owner')
  UNION ALL
  SELECT 6, format('PUBLIC has %s on the database', a.privilege_type)
    FROM pg_database AS d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
   WHERE d.datname = current_database() AND a.grantee = 0 AND a.privilege_type IN ('TEMPORARY', 'CREATE')
  UNION ALL
  SELECT 7, format('PUBLIC has %s on schema public', a.privilege_type)
    FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
   WHERE n.nspname = 'public' AND a.grantee = 0
  UNION ALL
  SELECT 8, 'konstruct_app has no default settings (statement_timeout and others)'
   WHERE NOT EXISTS (
         SELECT FROM pg_db_role_setting AS s
           JOIN pg_roles AS r ON r.oid = s.setrole
          WHERE r.rolname = 'konstruct_app' AND s.setdatabase = 0)
) AS found (n, finding) ORDER BY n, finding`

package testdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/migrate"
	"github.com/konstruct/konstruct/tenancy/rls"
)

const (
	templatePrefix = "test_template_"
	draftPrefix    = "test_draft_"

	// preparing is the advisory lock, in the database postgres, for work on roles, templates and leftovers.
	preparing = 0x6b6f6e7374
)

// template is the database that [New] clones. Its errors are separate, because tests of migrations need the roles even
// if the migrations fail.
type template struct {
	name         string
	bootstrapErr error
	chainErr     error
}

// prepare creates missing roles and the template, once per process.
func (c *Cluster) prepare(ctx context.Context) *template {
	c.once.Do(func() {
		key, err := c.templateKey()
		if err != nil {
			c.template.bootstrapErr = err
			return
		}
		c.template.name = templatePrefix + key
		c.template.bootstrapErr = c.exclusively(ctx, func(conn *pgx.Conn) error {
			found, err := exists(ctx, conn, c.template.name)
			if found || err != nil {
				return err
			}
			return c.makeTemplate(ctx, conn, draftPrefix+key)
		})
	})
	return &c.template
}

// templateKey hashes the template's inputs and the roles' passwords.
func (c *Cluster) templateKey() (string, error) {
	sum, err := fs.ReadFile(migrate.Konstruct().Files, "atlas.sum")
	if err != nil {
		return "", err
	}
	snapshot, err := fs.ReadFile(migrate.Konstruct().Files, "snapshot.json")
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	for _, part := range []string{
		migrate.BootstrapSQL(), string(sum), string(snapshot), c.password(ownerRole),
		c.password(appRole),
	} {
		fmt.Fprintf(hash, "%d:", len(part))
		if _, err := io.WriteString(hash, part); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// makeTemplate renames a draft at the end, so that an existing template is complete.
func (c *Cluster) makeTemplate(ctx context.Context, conn *pgx.Conn, draft string) error {
	if err := recreate(ctx, conn, draft); err != nil {
		return err
	}
	passwords := migrate.Passwords{Owner: c.password(ownerRole), App: c.password(appRole)}
	if _, err := migrate.Bootstrap(ctx, c.superURL(draft), passwords); err != nil {
		return err
	}
	if _, err := migrate.Up(ctx, migrate.Options{URL: c.url(ownerRole, draft), Operator: "testdb"}); err != nil {
		c.template.chainErr = fmt.Errorf("migrations of the template: %w", err)
		return nil
	}
	return run(ctx, conn,
		"ALTER DATABASE "+rls.Quote(draft)+" RENAME TO "+rls.Quote(c.template.name),
		"ALTER DATABASE "+rls.Quote(c.template.name)+" IS_TEMPLATE true ALLOW_CONNECTIONS false",
	)
}

// exclusively runs do under the advisory lock.
func (c *Cluster) exclusively(ctx context.Context, do func(*pgx.Conn) error) error {
	pooled, err := c.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	// Closing the connection releases the lock.
	conn := pooled.Hijack()
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", preparing); err != nil {
		return err
	}
	return do(conn)
}

// clone also copies the owner, grants and settings, which CREATE DATABASE omits.
func (c *Cluster) clone(ctx context.Context, name string) error {
	template := c.prepare(ctx)
	if template.bootstrapErr != nil {
		return template.bootstrapErr
	}
	if template.chainErr != nil {
		return template.chainErr
	}
	create := "CREATE DATABASE " + rls.Quote(name) + " TEMPLATE " + rls.Quote(template.name) +
		" OWNER " + rls.Quote(ownerRole) + " STRATEGY " + c.strategy
	if _, err := c.admin.Exec(ctx, create); err != nil {
		return fmt.Errorf("clone the template: %w", err)
	}
	if err := c.copyDatabaseLevel(ctx, template.name, name); err != nil {
		return fmt.Errorf("clone the template: %w", err)
	}
	return nil
}

// create creates an empty database. On a shared cluster it first sets the roles' passwords.
func (c *Cluster) create(ctx context.Context, name string) error {
	if !c.own {
		if err := c.prepare(ctx).bootstrapErr; err != nil {
			return err
		}
	}
	_, err := c.admin.Exec(ctx, "CREATE DATABASE "+rls.Quote(name))
	return err
}

func (c *Cluster) drop(ctx context.Context, name string) error {
	_, err := c.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+rls.Quote(name)+" WITH (FORCE)")
	return err
}

// databaseLevel returns statements that copy the grants and settings of database $1 to $2. Lists such as search_path
// are stored quoted, other settings as plain text.
const databaseLevel = `
WITH source AS (SELECT oid, datdba, datacl FROM pg_database WHERE datname = $1)
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %s', $2::text, datdba::regrole) AS statement, 1 AS step
  FROM source WHERE datacl IS NOT NULL
UNION ALL
SELECT format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, $2::text,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), 2
  FROM source, aclexplode(datacl)
UNION ALL
SELECT format('ALTER %s %s %I SET %I TO %s',
              CASE setrole WHEN 0 THEN 'DATABASE' ELSE 'ROLE' END,
              CASE setrole WHEN 0 THEN '' ELSE setrole::regrole::text || ' IN DATABASE' END,
              $2::text, split_part(setting, '=', 1),
              CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'DateStyle')
                   THEN substr(setting, strpos(setting, '=') + 1)
                   ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END), 3
  FROM source JOIN pg_db_role_setting ON setdatabase = source.oid, unnest(setconfig) AS setting
ORDER BY step`

func (c *Cluster) copyDatabaseLevel(ctx context.Context, from, to string) error {
	rows, err := c.admin.Query(ctx, databaseLevel, from, to)
	if err != nil {
		return err
	}
	type line struct {
		Statement string
		Step      int
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[line])
	if err != nil || len(lines) == 0 {
		return err
	}
	batch := &pgx.Batch{}
	for _, l := range lines {
		batch.Queue(l.Statement)
	}
	return c.admin.SendBatch(ctx, batch).Close()
}

func exists(ctx context.Context, conn *pgx.Conn, database string) (found bool, err error) {
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&found)
	return found, err
}

func recreate(ctx context.Context, conn *pgx.Conn, database string) error {
	return run(ctx, conn,
		"DROP DATABASE IF EXISTS "+rls.Quote(database)+" WITH (FORCE)",
		"CREATE DATABASE "+rls.Quote(database),
	)
}

func run(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", strings.SplitN(statement, " ", 3)[:2], err)
		}
	}
	return nil
}

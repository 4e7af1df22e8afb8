package testdb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
			var found bool
			err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", c.template.name).
				Scan(&found)
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
	inputs := fmt.Appendf(nil, "%q %q %q %q %q",
		migrate.BootstrapSQL(), sum, snapshot, c.password(ownerRole), c.password(appRole))
	hash := sha256.Sum256(inputs)
	return hex.EncodeToString(hash[:8]), nil
}

// makeTemplate renames a draft at the end, so that an existing template is complete.
func (c *Cluster) makeTemplate(ctx context.Context, conn *pgx.Conn, draft string) error {
	if err := run(ctx, conn,
		"DROP DATABASE IF EXISTS "+rls.Quote(draft)+" WITH (FORCE)",
		"CREATE DATABASE "+rls.Quote(draft),
	); err != nil {
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
	if err := cmp.Or(template.bootstrapErr, template.chainErr); err != nil {
		return err
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

// databaseLevel returns a script that copies the grants and settings of database $1 to $2. Lists such as search_path
// are stored quoted, other settings as plain text.
const databaseLevel = `
WITH source AS (SELECT oid, datdba, datacl FROM pg_database WHERE datname = $1)
SELECT coalesce(string_agg(statement, ';' ORDER BY step), '') FROM (
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC, %s', $2::text, datdba::regrole), 1
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
) AS statements (statement, step)`

func (c *Cluster) copyDatabaseLevel(ctx context.Context, from, to string) error {
	var script string
	if err := c.admin.QueryRow(ctx, databaseLevel, from, to).Scan(&script); err != nil {
		return err
	}
	_, err := c.admin.Exec(ctx, script)
	return err
}

func run(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", strings.SplitN(statement, " ", 3)[:2], err)
		}
	}
	return nil
}

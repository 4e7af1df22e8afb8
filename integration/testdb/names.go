package testdb

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/konstruct/konstruct/tenancy/rls"
)

const (
	namePrefix = "test_"
	// stamp formats the UTC time in a name.
	stamp = "20060102t150405"
	// longestName is PostgreSQL's limit in bytes.
	longestName = 63

	keepVariable = "KONSTRUCT_TEST_KEEP"
	keptMark     = "kept for "
	keepFor      = 24 * time.Hour
	keepMost     = 50
	// abandonAfter is the age at which other processes' databases are dropped. No test runs that long.
	abandonAfter = 2 * time.Hour
)

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// databaseName returns a unique name with the time and the test, which needs no quoting.
func databaseName(test string, now time.Time) string {
	head := namePrefix + now.UTC().Format(stamp) + "_"
	tail := "_" + strings.ToLower(rand.Text()[:6])
	slug := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(strings.TrimPrefix(test, "Test")), "_"), "_")
	room := longestName - len(head) - len(tail)
	return head + slug[:min(len(slug), room)] + tail
}

func madeAt(name string) (time.Time, bool) {
	rest, ours := strings.CutPrefix(name, namePrefix)
	if !ours || len(rest) < len(stamp) {
		return time.Time{}, false
	}
	made, err := time.Parse(stamp, rest[:len(stamp)])
	return made, err == nil
}

type found struct {
	Name    string
	Comment string
}

func (f found) kept() bool { return strings.HasPrefix(f.Comment, keptMark) }

// superfluous returns the databases to drop. If no other process uses the cluster (alone), databases not kept belong to
// crashed processes, and other templates to previous migrations.
func superfluous(all []found, current string, alone bool, now time.Time) []string {
	var (
		drop []string
		kept int
	)
	// Newest first: the oldest of too many kept ones are dropped.
	for _, f := range all {
		made, dated := madeAt(f.Name)
		switch {
		case strings.HasPrefix(f.Name, templatePrefix):
			if alone && f.Name != current {
				drop = append(drop, f.Name)
			}
		case !dated:
			continue
		case f.kept():
			kept++
			if now.Sub(made) > keepFor || kept > keepMost {
				drop = append(drop, f.Name)
			}
		case alone || now.Sub(made) > abandonAfter:
			drop = append(drop, f.Name)
		}
	}
	return drop
}

// cleanUp drops databases of previous runs.
func (c *Cluster) cleanUp(ctx context.Context, alone bool) error {
	key, err := c.templateKey()
	if err != nil {
		return err
	}
	return c.exclusively(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '')
			FROM pg_database WHERE starts_with(datname, $1) ORDER BY datname DESC`, namePrefix)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
		if err != nil {
			return err
		}
		for _, name := range superfluous(all, templatePrefix+key, alone, time.Now()) {
			if err := run(ctx, conn,
				"ALTER DATABASE "+rls.Quote(name)+" IS_TEMPLATE false",
				"DROP DATABASE "+rls.Quote(name)+" WITH (FORCE)",
			); err != nil {
				return err
			}
		}
		return nil
	})
}

// markKept keeps the database and the server.
func (c *Cluster) markKept(ctx context.Context, name, test string) error {
	var comment string
	err := c.admin.QueryRow(ctx, "SELECT format('COMMENT ON DATABASE %I IS %L', $1::text, $2::text)", name,
		keptMark+test).Scan(&comment)
	if err != nil {
		return err
	}
	if _, err := c.admin.Exec(ctx, comment); err != nil {
		return err
	}
	return c.keepRunning()
}

// lookInto returns a command that connects. It reads the password from a file, to keep it out of logs.
func (c *Cluster) lookInto(name string) string {
	return fmt.Sprintf("%spsql -h %s -p %s -U %s %s", c.hint, c.base.Hostname(), c.base.Port(), c.base.User.Username(),
		name)
}

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
	// stamp is the part of a name that tells its age, in UTC.
	stamp = "20060102t150405"
	// longestName is PostgreSQL's limit in bytes.
	longestName = 63

	keepVariable = "KONSTRUCT_TEST_KEEP"
	keptMark     = "kept for "
	keepFor      = 24 * time.Hour
	keepMost     = 50
	// abandonAfter is when a database of an unknown process is given up. No test runs that long.
	abandonAfter = 2 * time.Hour
)

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// databaseName is unique, tells when it was made and for which test, and needs no quoting.
func databaseName(test string, now time.Time) string {
	head := namePrefix + now.UTC().Format(stamp) + "_"
	tail := "_" + strings.ToLower(rand.Text()[:6])
	slug := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(strings.TrimPrefix(test, "Test")), "_"), "_")
	room := longestName - len(head) - len(tail)
	return head + slug[:min(len(slug), room)] + tail
}

// madeAt reads the time out of a name.
func madeAt(name string) (time.Time, bool) {
	rest, ours := strings.CutPrefix(name, namePrefix)
	if !ours || len(rest) < len(stamp) {
		return time.Time{}, false
	}
	made, err := time.Parse(stamp, rest[:len(stamp)])
	return made, err == nil
}

// found is a database on the cluster.
type found struct {
	Name    string
	Comment string
}

func (f found) kept() bool { return strings.HasPrefix(f.Comment, keptMark) }

// superfluous picks what a clean-up drops. Alone means that no other process of ours uses the cluster: then whatever was
// not kept is a crashed one's, and templates other than the current are of former migrations.
func superfluous(all []found, current string, alone bool, now time.Time) []string {
	var (
		drop []string
		kept int
	)
	// Newest first, so that the oldest of too many kept ones go.
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

// cleanUp drops what former runs have left behind.
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
			if err := dropAny(ctx, conn, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func dropAny(ctx context.Context, conn *pgx.Conn, name string) error {
	return run(ctx, conn,
		"ALTER DATABASE "+rls.Quote(name)+" IS_TEMPLATE false",
		"DROP DATABASE "+rls.Quote(name)+" WITH (FORCE)",
	)
}

// markKept lets the database outlive its test, and the server its processes.
func (c *Cluster) markKept(ctx context.Context, name, test string) error {
	var comment string
	err := c.admin.QueryRow(ctx, "SELECT format('COMMENT ON DATABASE %I IS %L', $1::text, $2::text)", name, keptMark+test).Scan(&comment)
	if err != nil {
		return err
	}
	if _, err := c.admin.Exec(ctx, comment); err != nil {
		return err
	}
	return c.keepRunning()
}

// lookInto is a command for a person's terminal. The password comes from a file, so that no log shows it.
func (c *Cluster) lookInto(name string) string {
	return fmt.Sprintf("%spsql -h %s -p %s -U %s %s", c.hint, c.base.Hostname(), c.base.Port(), c.base.User.Username(), name)
}

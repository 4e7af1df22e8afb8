package attack

import (
	"bytes"
	"strings"
)

// copies use a raw login: the driver does not support COPY's protocol.
func copies() []scenario {
	return []scenario{
		each("A50-copy-to", "copies the table out", "own rows only", func(a *attempt) {
			copyOut(a, "copy {table} to stdout")
		}),
		each("A50-copy-query", "copies a query's result out", "own rows only", func(a *attempt) {
			copyOut(a, "copy (select * from {table} where true) to stdout with (format csv)")
		}),
		each("A50-copy-from", "copies rows in", "refused, 0A000", copyIn),
	}
}

func copyOut(a *attempt, sql string) {
	for _, c := range a.callers() {
		a.must(a.raw.begin(c.ctx))
		var out bytes.Buffer
		_, err := a.raw.conn.PgConn().CopyTo(a.ctx, &out, a.spell(c.ctx, sql))
		a.must(err, a.raw.rollback(a.ctx))
		if c.ctx != a.theirs {
			a.must(a.victim.leaks(out.String(), ""))
		}
		if lines := strings.Count(out.String(), "\n"); lines < c.rows || c.rows == 0 && lines > 0 {
			a.failf("%d lines came out, where %d rows are", lines, c.rows)
		}
	}
}

// copyIn requires a refusal for every caller: PostgreSQL does not support COPY FROM with row-level security.
func copyIn(a *attempt) {
	for _, c := range a.callers() {
		a.must(a.raw.begin(c.ctx))
		_, err := a.raw.conn.PgConn().CopyFrom(a.ctx, strings.NewReader(""), a.spell(a.ctx, "copy {table} from stdin"))
		a.must(a.raw.rollback(a.ctx), refused(unsupported).check(answer{err: err}))
	}
}

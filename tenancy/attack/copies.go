package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/konstruct/konstruct/tenancy"
)

// copies use a raw login: the driver does not support COPY's protocol.
func copies() []scenario {
	return []scenario{
		{
			id: "A50-copy-to", does: "copies the table out", required: "own rows only",
			each: func(h *harness, ctx context.Context, tb *table) error {
				return h.copyOut(ctx, "copy "+tb.SQL+" to stdout")
			},
		},
		{
			id: "A50-copy-query", does: "copies a query's result out", required: "own rows only",
			each: func(h *harness, ctx context.Context, tb *table) error {
				return h.copyOut(ctx, "copy (select * from "+tb.SQL+" where true) to stdout with (format csv)")
			},
		},
		{id: "A50-copy-from", does: "copies rows in", required: "refused, 0A000", each: (*harness).copyIn},
	}
}

func (h *harness) copyOut(ctx context.Context, sql string) error {
	for _, c := range []struct {
		id   tenancy.ID
		rows int
	}{{h.attacker.id, attackerRows}, {tenancy.ID{}, 0}, {h.victim.id, victimRows}} {
		if err := h.raw.as(ctx, c.id); err != nil {
			return err
		}
		var out bytes.Buffer
		_, err := h.raw.conn.PgConn().CopyTo(ctx, &out, sql)
		if err := errors.Join(err, h.raw.rollback(ctx)); err != nil {
			return err
		}
		if c.id != h.victim.id {
			if err := h.victim.leaks(out.String(), ""); err != nil {
				return err
			}
		}
		if lines := strings.Count(out.String(), "\n"); lines < c.rows || c.rows == 0 && lines > 0 {
			return fmt.Errorf("%d lines came out, where %d rows are", lines, c.rows)
		}
	}
	return nil
}

// copyIn requires a refusal for every caller: PostgreSQL does not support COPY FROM with row-level security.
func (h *harness) copyIn(ctx context.Context, tb *table) error {
	for _, id := range []tenancy.ID{h.attacker.id, {}, h.victim.id} {
		if err := h.raw.as(ctx, id); err != nil {
			return err
		}
		_, err := h.raw.conn.PgConn().CopyFrom(ctx, strings.NewReader(""), "copy "+tb.SQL+" from stdin")
		if rollback := h.raw.rollback(ctx); rollback != nil {
			return rollback
		}
		if code(err) != unsupported {
			return fmt.Errorf("required: refused, %s; got %w", unsupported, orNone(err))
		}
	}
	return nil
}

package migrate

import (
	"context"

	atlas "ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrTransactionControl is what a statement that ends the file's transaction is refused with.
var ErrTransactionControl = errTransactionControl

// ExecuteUnread runs two statements as a file, without what the lints would say of them.
func ExecuteUnread(ctx context.Context, conn *pgconn.PgConn, first, second string) error {
	return execute(ctx, conn, file{
		name: "20260101000000_unread.sql", text: first + ";\n" + second + ";",
		stmts: []*atlas.Stmt{{Text: first}, {Text: second, Pos: len(first) + 2}},
	})
}

package migrate

import (
	"context"

	atlas "ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrTransactionControl is returned when a statement ends the file's transaction.
var ErrTransactionControl = errTransactionControl

// ExecuteUnlinted runs two statements as a file without the lints.
func ExecuteUnlinted(ctx context.Context, conn *pgconn.PgConn, first, second string) error {
	return execute(ctx, conn, file{
		name: "20260101000000_unlinted.sql", text: first + ";\n" + second + ";",
		stmts: []*atlas.Stmt{{Text: first}, {Text: second, Pos: len(first) + 2}},
	})
}

package pgtenant

import (
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy"
)

// BenchmarkSessionCheck measures what the check of the session costs, as CPU time and not as time: server-ns/op is that of the
// backend process, which Linux tells in /proc/PID/schedstat. It takes a server on this machine:
//
//	KONSTRUCT_TEST_SERVER=local go test -run '^$' -bench SessionCheck -benchtime 20000x -count 5 ./tenancy/pgtenant
func BenchmarkSessionCheck(b *testing.B) {
	drv, err := Open(b.Context(), testdb.New(b).AppURL, WithMaxConns(1))
	require.NoError(b, err)
	defer func() { _ = drv.Close() }()
	l, err := drv.lease(b.Context(), tenancy.ID{})
	require.NoError(b, err)
	defer l.release()
	session, err := l.session(b.Context())
	require.NoError(b, err)
	pid := l.conn().PgConn().PID()

	for name, prelude := range map[string][]any{
		"without": {setTenant, Setting, ""},
		"with":    {checkSession, Setting, "", session},
	} {
		b.Run(name, func(b *testing.B) {
			run := func() {
				batch := &pgx.Batch{}
				text, _ := prelude[0].(string)
				batch.Queue(text, prelude[1:]...)
				batch.Queue("select 1")
				if err := l.conn().SendBatch(b.Context(), batch).Close(); err != nil {
					b.Fatal(err)
				}
			}
			for range 100 {
				run()
			}
			before := cpu(b, pid)
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(cpu(b, pid)-before)/float64(b.N), "server-ns/op")
		})
	}
}

// cpu returns the CPU time that a process has used, in nanoseconds.
func cpu(b *testing.B, pid uint32) (ns int64) {
	b.Helper()
	schedstat, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	require.NoError(b, err)
	_, err = fmt.Sscan(string(schedstat), &ns)
	require.NoError(b, err)
	return ns
}

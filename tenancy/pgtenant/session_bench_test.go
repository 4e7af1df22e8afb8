package pgtenant_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

// BenchmarkSessionCheck measures the CPU time of the session's check. server-ns/op is the backend's, from
// /proc/PID/schedstat, so the server must run on this Linux machine:
//
//	KONSTRUCT_TEST_SERVER=local go test -run '^$' -bench SessionCheck -benchtime 20000x -count 5 ./tenancy/pgtenant
func BenchmarkSessionCheck(b *testing.B) {
	drv, err := pgtenant.Open(b.Context(), testdb.New(b).AppURL, pgtenant.WithMaxConns(1))
	require.NoError(b, err)
	defer func() { _ = drv.Close() }()
	for name, checked := range map[string]bool{"without": false, "with": true} {
		b.Run(name, func(b *testing.B) {
			pid, run, done, err := pgtenant.Prelude(b.Context(), drv, checked)
			require.NoError(b, err)
			defer done()
			for range 100 {
				require.NoError(b, run())
			}
			before := cpu(b, pid)
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b, pid)-before)/float64(b.N), "server-ns/op")
		})
	}
}

func cpu(b *testing.B, pid uint32) (ns int64) {
	b.Helper()
	schedstat, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	require.NoError(b, err)
	_, err = fmt.Sscan(string(schedstat), &ns)
	require.NoError(b, err)
	return ns
}

package doctor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

func report(levels ...doctor.Level) doctor.Report {
	r := doctor.Report{
		ServerVersion: "16.10", Database: "konstruct", Role: "konstruct_app",
		Tables: []doctor.Table{{Name: "public.agents", Class: doctor.ClassTenant}},
	}
	for _, l := range levels {
		r.Findings = append(r.Findings, doctor.Finding{
			Code: "code." + string(l), Level: l, Object: "object " + string(l), Risk: "Something may happen.", Remedy: "FIRST;\nSECOND;",
		})
	}
	return r
}

func TestReportVerdict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report  doctor.Report
		err     bool
		exit    int
		verdict string
	}{
		"nothing":     {report(), false, doctor.ExitClean, "Isolation holds.\n"},
		"information": {report(doctor.LevelInfo), false, doctor.ExitClean, "Isolation holds.\n"},
		"warnings": {
			report(doctor.LevelWarning, doctor.LevelWarning, doctor.LevelInfo), false, doctor.ExitWarnings,
			"Isolation holds, with 2 warnings.\n",
		},
		"errors": {
			report(doctor.LevelError, doctor.LevelWarning), true, doctor.ExitErrors,
			"UNSAFE: 1 error, 1 warning. Rows may cross between tenants.\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.err, errors.Is(c.report.Err(), doctor.ErrUnsafe))
			require.Equal(t, c.exit, c.report.ExitCode())
			var b strings.Builder
			require.NoError(t, c.report.WriteText(&b))
			require.True(t, strings.HasSuffix(b.String(), c.verdict), b.String())
		})
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	require.NoError(t, report(doctor.LevelError).WriteText(&b))
	require.Equal(t, `PostgreSQL 16.10, database konstruct, checked as konstruct_app

TABLE          CLASS
public.agents  tenant

ERROR    code.error  object error
         Something may happen.
           FIRST;
           SECOND;

UNSAFE: 1 error, 0 warnings. Rows may cross between tenants.
`, b.String())
}

package doctor_test

import (
	"fmt"
	"os"

	"github.com/konstruct/konstruct/tenancy/doctor"
)

func ExampleReport_WriteText() {
	report := doctor.Report{
		ServerVersion: "16.10", Database: "konstruct", Role: "konstruct_app",
		Tables: []doctor.Table{{Name: "public.agents", Class: doctor.ClassTenant}},
		Findings: []doctor.Finding{{
			Code: "rls.not-forced", Level: doctor.LevelError, Object: "table public.agents",
			Risk:   "The policies don't apply to the table's owner: its views, functions and jobs read the rows of all tenants.",
			Remedy: `ALTER TABLE "public"."agents" FORCE ROW LEVEL SECURITY;`,
		}},
	}
	if err := report.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// PostgreSQL 16.10, database konstruct, checked as konstruct_app
	//
	// TABLE          CLASS
	// public.agents  tenant
	//
	// ERROR    rls.not-forced  table public.agents
	//          The policies don't apply to the table's owner: its views, functions and jobs read the rows of all tenants.
	//            ALTER TABLE "public"."agents" FORCE ROW LEVEL SECURITY;
	//
	// UNSAFE: 1 error, 0 warnings. Rows may cross between tenants.
}

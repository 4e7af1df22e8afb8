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
			Risk:   "Unforced policies don't bind the owner: its views, functions and jobs read all tenants' rows.",
			Remedy: `ALTER TABLE "public"."agents" FORCE ROW LEVEL SECURITY;`,
		}},
	}
	if err := report.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// PostgreSQL 16.10, database konstruct, asked as konstruct_app
	//
	// TABLE          CLASS
	// public.agents  tenant
	//
	// ERROR    rls.not-forced  table public.agents
	//          Unforced policies don't bind the owner: its views, functions and jobs read all tenants' rows.
	//            ALTER TABLE "public"."agents" FORCE ROW LEVEL SECURITY;
	//
	// UNSAFE: 1 error, 0 warnings. Rows may cross between tenants.
}

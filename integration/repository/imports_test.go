package repository_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/konstruct/konstruct/"

// directions lists what packages may import of this module, besides those of their own pattern. The first matching row
// decides. A package without a row may import nothing, so that a new one gets a row.
var directions = []struct{ packages, imports, why string }{
	{"tenancy", "", "tenancy is a leaf"},
	{"redact", "", "redact is a leaf"},
	{"tenancy/rls/...", "tenancy", "the SQL of protection works for any project"},
	{"tenancy/pgtenant/...", "tenancy tenancy/rls", "the driver works for any project"},
	{"tenancy/rediskey", "tenancy", "Redis keys need a tenant and nothing else"},
	{"tenancy/doctor/...", "tenancy tenancy/rls", "the doctor reads a spec, which lists the class of each table"},
	{"tenancy/attack/...", "tenancy/...", "the attack kit works on any project's tables"},
	{"ent/schema/...", "tenancy tenancy/rls", "a schema that imports generated code cannot be generated from an empty checkout"},
	{"ent/...", "tenancy/...", "generated clients need the mixins and tenancy"},
	{"message/...", "tenancy", "messages are a contract, without storage and channels"},
	{"channel/...", "message/... ent/... tenancy/... redact", "only cmd and server import channel"},
	{"migrate/...", "ent/... tenancy/... redact", "scratch servers are passed in"},
	{"server/...", "channel/... message/... ent/... tenancy/... redact", "cmd passes configuration in as plain values"},
	{"config", "redact", "configuration is plain values"},
	{"telemetry", "tenancy/...", "packages above it get the OpenTelemetry API"},
	{"local/...", "", "local starts servers for dev and tests"},
	{"cmd/...", "server/... migrate/... channel/... message/... ent/... tenancy/... config telemetry local/... redact", "a command links no tests"},
	{"integration/...", "...", ""},
}

// libraries lists the only packages that may import a library, in tests too where the row says so.
var libraries = []struct {
	library, packages string
	tests             bool
	why               string
}{
	{"ariga.io/atlas/...", "migrate/... ent/migrate integration/fixture/ent/migrate", true, "migrate adds what Atlas does not see"},
	{"testing/...", "integration/... ent/enttest", false, "take a small interface that *testing.T implements"},
	{"go.opentelemetry.io/otel/sdk/...", "telemetry", false, "other packages use the OpenTelemetry API"},
	{"github.com/prometheus/...", "telemetry", false, "other packages use the OpenTelemetry API"},
	{"github.com/wneessen/go-mail/...", "server/mail", true, "other packages take a mail.Sender"},
	{"github.com/stretchr/testify/...", "integration/...", false, "testify is for tests"},
	{"github.com/testcontainers/...", "integration/...", false, "containers are for tests"},
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f",
		`{{.ImportPath}}|{{join .Imports " "}}|{{join .TestImports " "}} {{join .XTestImports " "}}`, module+"...").Output()
	require.NoError(t, err)
	require.Greater(t, strings.Count(string(out), "\n"), 30)
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimPrefix(line, module), "|")
		for kind, imports := range fields[1:] {
			for to := range strings.FieldsSeq(imports) {
				require.Empty(t, refusal(fields[0], to, kind == 1), "%s imports %s", fields[0], to)
			}
		}
	}
}

func TestImportDirectionsBite(t *testing.T) {
	t.Parallel()
	for tc := range strings.FieldsSeq(`
		tenancy>config tenancy>tenancy/rls tenancy/pgtenant>message tenancy/rediskey>tenancy/pgtenant tenancy/doctor>migrate
		tenancy/attack>ent ent/schema>ent ent>server message>ent channel>migrate channel/slack>local server>config
		server/account>migrate migrate>config migrate>channel config>tenancy redact>tenancy local>config server>telemetry cmd/x>integration/testdb new>tenancy`) {
		from, to, _ := strings.Cut(tc, ">")
		require.NotEmpty(t, refusal(from, module+to, false), tc)
		require.Empty(t, refusal(from, module+to, true), tc)
	}
	for tc := range strings.FieldsSeq("tenancy/pgtenant>tenancy ent/schema>ent/schema/mixin server>channel/slack cmd/x>local") {
		from, to, _ := strings.Cut(tc, ">")
		require.Empty(t, refusal(from, module+to, false), tc)
	}
	require.NotEmpty(t, refusal("channel", "testing", false))
	require.Empty(t, refusal("channel", "testing", true))
	require.NotEmpty(t, refusal("channel", "ariga.io/atlas/sql/schema", true))
	require.NotEmpty(t, refusal("server", "github.com/wneessen/go-mail", false))
	require.Empty(t, refusal("migrate", "ariga.io/atlas/sql/schema", false))
}

// refusal returns why the package from, or its test, may not import the package to.
func refusal(from, to string, test bool) string {
	for _, row := range libraries {
		if matches(row.library, to) && !matches(row.packages, from) && (row.tests || !test) {
			return row.why
		}
	}
	to, ours := strings.CutPrefix(to, module)
	if !ours || test {
		return ""
	}
	for _, row := range directions {
		if matches(row.packages, from) {
			if matches(row.packages+" "+row.imports, to) {
				return ""
			}
			return row.why
		}
	}
	return "no row in directions is about " + from
}

// matches reports whether one of the patterns, of the form that go list takes, matches the package.
func matches(patterns, pkg string) bool {
	return slices.ContainsFunc(strings.Fields(patterns), func(pattern string) bool {
		folder, below := strings.CutSuffix(pattern, "...")
		return pkg == pattern || below && strings.HasPrefix(pkg+"/", folder)
	})
}

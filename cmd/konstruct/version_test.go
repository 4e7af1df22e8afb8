package main

import (
	"bytes"
	"encoding/json"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	for name, tc := range map[string]struct {
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		"release": {
			module: "v1.2.3", settings: []debug.BuildSetting{setting("vcs.revision", "abc")}, want: "v1.2.3",
		},
		"clean checkout": {
			module:   "(devel)",
			settings: []debug.BuildSetting{setting("vcs.revision", "abc"), setting("vcs.modified", "false")},
			want:     "abc",
		},
		"dirty checkout": {
			module:   "(devel)",
			settings: []debug.BuildSetting{setting("vcs.modified", "true"), setting("vcs.revision", "abc")},
			want:     "abc+dirty",
		},
		"no version info": {want: "devel"},
	} {
		info := &debug.BuildInfo{Settings: tc.settings}
		info.Main.Version = tc.module
		require.Equal(t, tc.want, describe(info).Version, name)
	}
}

func TestVersionText(t *testing.T) {
	t.Parallel()
	b := buildInfo{
		Version: "v1.2.3", Commit: "abc", CommitDate: "2026-01-02T03:04:05Z", BuildDate: "2026-01-03T00:00:00Z",
		Modified: true, Go: "go1.26", OS: "linux", Arch: "amd64",
	}
	var out bytes.Buffer
	require.NoError(t, b.writeText(&out))
	require.Equal(t, `konstruct  v1.2.3
commit     abc (modified)
committed  2026-01-02T03:04:05Z
built      2026-01-03T00:00:00Z
go         go1.26
platform   linux/amd64
`, out.String())

	out.Reset()
	require.NoError(t, buildInfo{Version: "devel", Go: "go1.26", OS: "linux", Arch: "amd64"}.writeText(&out))
	require.Equal(t, "konstruct  devel\ngo         go1.26\nplatform   linux/amd64\n", out.String(), "no unknown lines")
}

func TestVersionCommand(t *testing.T) {
	t.Parallel()
	line, err := run(t, "--version")
	require.NoError(t, err)
	require.Equal(t, thisBuild().String()+"\n", line)
	require.Regexp(t, `^konstruct \S+ \(go\S+, \w+/\w+\)\n$`, line)
	text, err := run(t, "version")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^go +`+runtime.Version()+`$`, text)
	document, err := run(t, "version", "--json")
	require.NoError(t, err)
	var decoded buildInfo
	require.NoError(t, json.Unmarshal([]byte(document), &decoded))
	require.Equal(t, thisBuild(), decoded)
}

package main

import (
	"bytes"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	for name, tc := range map[string]struct {
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		"a release":          {module: "v1.2.3", settings: []debug.BuildSetting{setting("vcs.revision", "abc")}, want: "v1.2.3"},
		"a checkout":         {module: "(devel)", settings: []debug.BuildSetting{setting("vcs.revision", "abc"), setting("vcs.modified", "false")}, want: "abc"},
		"a changed checkout": {module: "(devel)", settings: []debug.BuildSetting{setting("vcs.modified", "true"), setting("vcs.revision", "abc")}, want: "abc+dirty"},
		"neither":            {want: "devel"},
	} {
		info := &debug.BuildInfo{Settings: tc.settings}
		info.Main.Version = tc.module
		require.Equal(t, tc.want, versionOf(info), name)
	}
}

func TestVersionFlag(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs([]string{"--version"})
	require.NoError(t, root.ExecuteContext(t.Context()))
	require.Regexp(t, `^konstruct \S+ \(go\S+, \w+/\w+\)\n$`, out.String())
	require.Contains(t, out.String(), version())
}

package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/docs"
)

func TestPageLoadsNoExternalResources(t *testing.T) {
	t.Parallel()
	html, policy := docs.Page()
	text := string(html)

	for _, address := range regexp.MustCompile(`https?://[^\s"'<)]+`).FindAllString(text, -1) {
		require.Equal(t, "http://www.w3.org/2000/svg", address, "an XML namespace, which is not loaded")
	}
	require.NotRegexp(t, `(?i)<(script|link|img|iframe|object|embed)[^>]+(src|href)="(?:https?:)?//`, text)
	require.NotRegexp(t, `(?i)@import|url\(`, text)
	require.NotRegexp(t, `(?i)\son[a-z]+="|\sstyle="|javascript:|innerHTML|insertAdjacentHTML|document\.write|eval\(`, text,
		"nothing that the policy blocks, or that turns text into markup")

	directives := map[string]string{}
	for directive := range strings.SplitSeq(policy, "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		directives[name] = sources
	}
	require.Equal(t, "'none'", directives["default-src"])
	require.Equal(t, "'self'", directives["connect-src"])
	require.Equal(t, "'none'", directives["frame-ancestors"])
	require.Regexp(t, `^'sha256-[A-Za-z0-9+/]{43}='$`, directives["script-src"])
	require.Regexp(t, `^'sha256-[A-Za-z0-9+/]{43}='$`, directives["style-src"])
	require.NotContains(t, policy, "unsafe")
	require.Equal(t, 1, strings.Count(text, "<script>"))
	require.Equal(t, 1, strings.Count(text, "<style>"))
}

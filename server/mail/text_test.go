package mail

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// named returns all texts with a name in each field that has one.
func named(name Name) []Text {
	const link = "https://portal.example.com/page#token=kst_AbC"
	expires := time.Date(2026, time.March, 4, 7, 8, 9, 0, time.FixedZone("CET", 3600))
	return []Text{
		Invitation{Inviter: name, Tenant: name, Role: "editor", Link: link, Expires: expires},
		PasswordReset{Name: name, Link: link, Expires: expires},
		ConfirmEmail{Name: name, Link: link, Expires: expires},
		EmailChanged{Name: name},
		PasswordChanged{Name: name},
	}
}

func compose(t *testing.T, text Text) Message {
	t.Helper()
	m, err := Compose("Konstruct <noreply@example.com>", "ada@example.org", text)
	require.NoError(t, err)
	require.Equal(t, "Konstruct <noreply@example.com>", m.From)
	require.Equal(t, "ada@example.org", m.To)
	_, _, err = m.envelope()
	require.NoError(t, err)
	return m
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, text := range named("Zoë Example") {
		m := compose(t, text)
		got, file := m.Subject+"\n\n"+m.Text, "testdata/"+text.kind()+".golden"
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), got, "go test ./server/mail -run TestTexts -update")
	}
}

func TestTextsWithoutNames(t *testing.T) {
	t.Parallel()
	for _, text := range named(" \n")[1:] {
		require.True(t, strings.HasPrefix(compose(t, text).Text, "Hello,\n\n"), text.kind())
	}
	m := compose(t, Invitation{Tenant: "Acme", Role: "viewer"})
	require.Contains(t, m.Text, "\nYou are invited to join \"Acme\" on Konstruct.\n")
}

// TestNamesAddNoLines also fails for a new field that a person can fill and that is not a [Name].
func TestNamesAddNoLines(t *testing.T) {
	t.Parallel()
	const forged = "A\r\n\r\nYour account expires.\u2028b\u2029c\u0085d\x00\x1b[2J\v\f" + "\u202egnp\u2066" + "\xff"
	usual := named("A")
	for i, text := range named(forged) {
		got, want := compose(t, text), compose(t, usual[i])
		require.Equal(t, strings.Count(want.Text, "\n"), strings.Count(got.Text, "\n"), text.kind())
		require.NotContains(t, got.Text, "\nYour account expires")
		require.False(t, strings.ContainsAny(got.Subject+got.Text, "\r\x00\x1b\v\f\u0085\u2028\u2029\u202e\u2066"))
		require.True(t, utf8.ValidString(got.Subject+got.Text))

		for field, value := range reflect.ValueOf(text).Fields() {
			if field.Type.Kind() == reflect.String && field.Name != "Link" && field.Name != "Role" {
				require.Equal(t, reflect.TypeFor[Name](), value.Type(), field.Name)
			}
		}
	}
	require.Equal(t, "A Your account expires. b c d [2J gnp", Name(forged).String())
}

func TestNamesAreCut(t *testing.T) {
	t.Parallel()
	for name, want := range map[Name]string{
		"":                               "",
		" \t ":                           "",
		" Zoë\u00a0 Example ":            "Zoë Example",
		Name(strings.Repeat("ë", 200)):   strings.Repeat("ë", 200),
		Name(strings.Repeat("ë", 201)):   strings.Repeat("ë", 199) + "…",
		Name(strings.Repeat("ë \n", 99)): strings.TrimSpace(strings.Repeat("ë ", 99)),
		"\u0915\u094d\u200d\u0937":       "\u0915\u094d\u200d\u0937", // a joiner, which some scripts need
		`{{.Link}} <b>&amp;`:             `{{.Link}} <b>&amp;`,
	} {
		require.Equal(t, want, name.String())
	}
}

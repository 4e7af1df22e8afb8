package mail

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"
	"unicode"
)

// The kinds of messages, as the outbox stores them.
const (
	KindInvitation      = "invitation"
	KindPasswordReset   = "password_reset"
	KindConfirmEmail    = "confirm_email"
	KindEmailChanged    = "email_changed"
	KindPasswordChanged = "password_changed"
)

// Text is the content of a message: [Invitation], [PasswordReset], [ConfirmEmail], [EmailChanged] or [PasswordChanged].
type Text interface {
	// kind is also the name of the template.
	kind() string
}

// Invitation invites a person to a tenant.
type Invitation struct {
	Inviter Name // empty if unknown
	Tenant  Name
	Role    string // owner, editor or viewer
	Link    string // see [Links.Invitation]
	Expires time.Time
}

// PasswordReset has the link for a new password.
type PasswordReset struct {
	Name    Name   // of the user; may be empty, here and below
	Link    string // see [Links.Reset]
	Expires time.Time
}

// ConfirmEmail goes to the new address of a user.
type ConfirmEmail struct {
	Name    Name
	Link    string // see [Links.Confirm]
	Expires time.Time
}

// EmailChanged goes to the present address when another one is requested.
type EmailChanged struct{ Name Name }

// PasswordChanged reports a new password, which has ended all other sessions.
type PasswordChanged struct{ Name Name }

func (Invitation) kind() string      { return KindInvitation }
func (PasswordReset) kind() string   { return KindPasswordReset }
func (ConfirmEmail) kind() string    { return KindConfirmEmail }
func (EmailChanged) kind() string    { return KindEmailChanged }
func (PasswordChanged) kind() string { return KindPasswordChanged }

// Name is a text that a person chose, such as a tenant's name. Templates print its String.
type Name string

// maxName is the maximum length of a printed name, in characters.
const maxName = 200

// String returns the name in one line of at most 200 characters: each run of spaces, newlines and control characters
// becomes one space, characters that change the direction of the text are removed, and a long name is cut.
func (n Name) String() string {
	line := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(n), " "))
	line = strings.Join(strings.Fields(line), " ")
	if runes := []rune(line); len(runes) > maxName {
		return string(runes[:maxName-1]) + "…"
	}
	return line
}

//go:embed texts
var texts embed.FS

//nolint:gochecknoglobals // parsed once, never changed
var templates = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
	"date": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
}).ParseFS(texts, "texts/*.txt"))

// Compose writes a message from and to an address. The first line of a template is the subject.
func Compose(from, to string, text Text) (Message, error) {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, text.kind()+".txt", text); err != nil {
		return Message{}, fmt.Errorf("compose a message: %w", err)
	}
	subject, body, _ := strings.Cut(b.String(), "\n\n")
	return Message{From: from, To: to, Subject: subject, Text: body}, nil
}

package mail

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func isPermanent(err error) bool { return errors.Is(err, ErrPermanent) }

func TestInvalidMessagesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, &smtpServer{}, "smtp", "")
	box := NewBox(io.Discard)
	addresses := []string{
		"", "ada", "ada@", "@example.org", "ada@example.org, eve@example.org", "group: ada@example.org, eve@example.org;",
		"ada@example.org\r\nBcc: eve@example.org", "ada@example.org\nBcc: eve@example.org", "ada@example.org\x00",
		"Ada\r\n <ada@example.org>", "Ada\r\nBcc: eve@example.org\r\n <ada@example.org>", "\"Ada\r\" <ada@example.org>",
		"=?utf-8?q?Ada=0D=0ABcc:_eve@example.org?= <ada@example.org>", "Ada\u0085 <ada@example.org>",
		"<ada@example.org>\r\nDATA", "ada@exam\tple.org", "\xff <ada@example.org>",
	}
	var messages []Message
	for _, address := range addresses {
		from, to := example(), example()
		from.From, to.To = address, address
		messages = append(messages, from, to)
	}
	for _, subject := range []string{
		"", "a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\x00", "a\u0085b", "a\r\n\r\ntext", "\xff",
	} {
		m := example()
		m.Subject = subject
		messages = append(messages, m)
	}
	text := example()
	text.Text = "\xff"
	for _, m := range append(messages, text) {
		for _, sender := range []Sender{b.sender, box} {
			err := sender.Send(t.Context(), m)
			require.ErrorIs(t, err, ErrPermanent, "%q", []string{m.From, m.To, m.Subject})
			require.NotContains(t, err.Error(), "eve")
			require.NotContains(t, err.Error(), canary)
		}
	}
	require.Empty(t, b.transcript().commands)
	require.Empty(t, box.Messages())
	require.NoError(t, b.sender.Send(t.Context(), example()))
	require.NoError(t, box.Send(t.Context(), example()))
}

func TestUnusualHeadersAreEncoded(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Bcc: eve@example.org":               "",
		`quo"te\`:                            "",
		"a\u2028Bcc: eve@example.org":        "",
		strings.Repeat("é", 400):             "",
		"=?utf-8?q?=0D=0ABcc:_eve?= <x@y.z>": "= ?utf-8?q?=0D=0ABcc:_eve?= <x@y.z>",
	} {
		b := setup(t, &smtpServer{}, "smtp", "")
		m := example()
		m.Subject = text
		m.To = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "=?", "").Replace(text) + `" <ada@example.org>`
		require.NoError(t, b.sender.Send(t.Context(), m))
		received, err := netmail.ReadMessage(strings.NewReader(b.transcript().content[0]))
		require.NoError(t, err)
		require.NotContains(t, received.Header, "Bcc")
		subject, err := new(mime.WordDecoder).DecodeHeader(received.Header.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, cmp.Or(want, text), subject)
		to, err := received.Header.AddressList("To")
		require.NoError(t, err)
		require.Len(t, to, 1)
		require.Equal(t, strings.ReplaceAll(text, "=?", ""), to[0].Name)
		require.Contains(t, b.transcript().commands, "RCPT TO:<ada@example.org>")
	}
}

func TestBox(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	box := NewBox(&out)
	require.Empty(t, box.Messages())
	m := example()
	require.NoError(t, box.Send(t.Context(), m))
	require.Equal(t, "--- mail to ada@example.org: Grüße an Zoë\n"+m.Text+"---\n", out.String())

	for range boxSize {
		m.Subject += "!"
		require.NoError(t, box.Send(t.Context(), m))
	}
	messages := box.Messages()
	require.Len(t, messages, 100)
	require.Equal(t, m.Subject, messages[0].Subject, "the newest")
	require.Equal(t, example().Subject+"!", messages[99].Subject)
	messages[0] = Message{}
	require.Equal(t, m, box.Messages()[0], "a copy")
}

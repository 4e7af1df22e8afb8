package server_test

import (
	"io"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/mail"
)

func TestMeta(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *server.Options) { o.Version = "v1.2.3" })
	require.Equal(t, object{"version": "v1.2.3", "mail": false, "channels": []any{"slack"}}, b.anyone.get(t, "/v1/meta").is(200).json())
	b.restart(t, (&post{}).options, func(o *server.Options) { o.SlackSecret = "" })
	require.Equal(t, object{
		"version": "v1.2.3", "mail": true, "channels": []any{}, "portal_url": "https://portal.example.com/base",
	}, b.anyone.get(t, "/v1/meta").is(200).json())
}

func TestDevMail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	get := func(host, accept string) response {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/dev/mail", nil)
		r.Host = host
		r.Header.Set("Accept", accept)
		recorder := httptest.NewRecorder()
		b.Handler().ServeHTTP(recorder, r)
		return response{t: t, request: host, status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	}
	get("localhost:8080", "").is(404) // without a box

	box := mail.NewBox(io.Discard)
	b.restart(t, func(o *server.Options) { o.Mail = server.MailOptions{Sender: box, From: "a@example.com", Box: box} })
	require.Contains(t, get("localhost", "").is(200).body, "No messages yet")
	for _, subject := range []string{"First", "<b>Second</b>"} {
		require.NoError(t, box.Send(t.Context(), mail.Message{
			From: "a@example.com", To: grace, Subject: subject, Text: "Hello,\n\nhttps://portal.example.com/x#token=klt_x\n",
		}))
	}
	page := get("localhost:8080", "text/html").is(200)
	require.Contains(t, page.body, `<a href="https://portal.example.com/x#token=klt_x">`)
	require.Contains(t, page.body, `&lt;b&gt;Second`)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	require.Equal(t, "no-store", page.header.Get("Cache-Control"))
	require.Equal(t, []string{"default-src 'none'; frame-ancestors 'none'"}, page.header.Values("Content-Security-Policy"))
	list := get("[::1]:8080", "application/json").is(200)
	require.Equal(t, "application/json", list.header.Get("Content-Type"))
	require.Equal(t, []any{"<b>Second</b>", "First"}, []any{list.at("messages", 0, "subject"), list.at("messages", 1, "subject")})

	for _, host := range []string{"127.0.0.1", "127.0.0.1:80", "::1", "[::1]", "LOCALHOST:1"} {
		get(host, "").is(200)
	}
	for _, host := range []string{
		"example.com", "localhost.example.com", "127.0.0.1.example.com:8080", "evil-localhost", "10.0.0.1:8080", "0.0.0.0", "", "localhost:8080:9",
		"127.0.0.2", "[::2]:80",
	} {
		refused := get(host, "application/json").is(404)
		require.NotContains(t, refused.body, "klt_")
	}
	require.NotContains(t, b.anyone.get(t, "/openapi.json").body, "/dev/mail")
}

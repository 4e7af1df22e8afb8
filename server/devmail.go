package server

import (
	"html/template"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/konstruct/konstruct/server/mail"
	"github.com/konstruct/konstruct/server/problem"
)

// devMailRoutes show the messages of the box. They are not in the OpenAPI document.
func (s *Server) devMailRoutes() []route {
	return []route{{
		access: public,
		op:     huma.Operation{Method: http.MethodGet, Path: "/dev/mail", Hidden: true},
		register: func(s *Server, api huma.API, op huma.Operation, _ route) {
			api.Adapter().Handle(&op, op.Middlewares.Handler(s.showMail))
		},
	}}
}

// showMail requires a loopback Host, because a page of any site can make its own name resolve to this machine and read
// the answers.
func (s *Server) showMail(ctx huma.Context) {
	if !isLoopbackHost(ctx.Host()) {
		s.reject(ctx, problem.NotFound())
		return
	}
	writer := humagin.Unwrap(ctx).Writer
	messages := s.devMail.Messages()
	if strings.Contains(ctx.Header("Accept"), "application/json") {
		writer.Header().Set("Content-Type", "application/json")
		_ = jsonFormat().Marshal(writer, viewMail(messages)) // the client disconnected
		return
	}
	writer.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = mailPage.Execute(writer, viewMail(messages))
}

func isLoopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.EqualFold(name, "localhost") || name == "127.0.0.1" || name == "::1"
}

type mailView struct {
	Messages []mailMessageView `json:"messages"`
}

type mailMessageView struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Lines splits the text for the page, which makes its links clickable.
func (m mailMessageView) Lines() []mailLine {
	var lines []mailLine
	for line := range strings.Lines(m.Text) {
		text := strings.TrimSuffix(line, "\n")
		isLink := strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
		lines = append(lines, mailLine{Text: text, IsLink: isLink && !strings.Contains(text, " ")})
	}
	return lines
}

type mailLine struct {
	Text   string
	IsLink bool
}

// viewMail shows the newest message first.
func viewMail(messages []mail.Message) mailView {
	return mailView{Messages: viewAll(messages, func(m mail.Message) mailMessageView {
		return mailMessageView{From: m.From, To: m.To, Subject: m.Subject, Text: m.Text}
	})}
}

//nolint:gochecknoglobals // parsed once, never changed
var mailPage = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mail of this Konstruct</title>
<h1>Mail</h1>
<p>What this system would have mailed, the newest first. Reload the page for more.</p>
{{range .Messages}}<article>
<h2>{{.Subject}}</h2>
<p>To {{.To}}</p>
<pre>{{range .Lines}}{{if .IsLink}}<a href="{{.Text}}">{{.Text}}</a>{{else}}{{.Text}}{{end}}
{{end}}</pre>
</article>
{{else}}<p>No messages yet.</p>
{{end}}</html>
`))

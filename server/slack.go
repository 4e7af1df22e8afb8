package server

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/konstruct/konstruct/channel"
)

const (
	slackPath = "/v1/channels/slack/events"
	// slackBodyLimit is the first size that is refused, in bytes. Slack escapes what is not ASCII, and an edit carries the
	// message twice.
	slackBodyLimit = 4<<20 + 1
)

// bodyLimitOf returns the size in bytes from which the body of a request to route is refused.
func bodyLimitOf(route string) int64 {
	if route == slackPath {
		return slackBodyLimit
	}
	return bodyLimit
}

type slackInput struct {
	Signature string `header:"X-Slack-Signature" doc:"v0= and the HMAC-SHA256 of the request, in hexadecimal."`
	Timestamp string `header:"X-Slack-Request-Timestamp" doc:"Seconds since 1970, at most five minutes from now."`
	RawBody   []byte `contentType:"application/json"`

	// header has every value: a header that is sent twice must be seen twice.
	header http.Header
}

// Resolve implements [huma.Resolver].
func (in *slackInput) Resolve(ctx huma.Context) []error {
	in.header = http.Header{}
	ctx.EachHeader(in.header.Add)
	return nil
}

type slackOutput struct {
	Body struct {
		Challenge string `json:"challenge,omitempty" doc:"Slack's question, sent back (url_verification)."`
	} `nameHint:"SlackReply"`
}

func (s *Server) slackEvent(ctx context.Context, in *slackInput) (*slackOutput, error) {
	out := &slackOutput{}
	var err error
	out.Body.Challenge, err = s.slack.Receive(ctx, in.header, in.RawBody)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// slackCounts returns a function that logs what Slack has sent since the process started, unless that was logged before.
func (s *Server) slackCounts() func(context.Context) {
	var logged channel.Stats
	return func(ctx context.Context) {
		stats := s.SlackStats()
		if stats == logged {
			return
		}
		logged = stats
		var attrs []slog.Attr
		for outcome, count := range stats.All() {
			attrs = append(attrs, slog.Int64(outcome, count))
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "slack events", attrs...)
	}
}

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
	// slackBodyLimit is the smallest rejected size, in bytes. Slack escapes non-ASCII characters, and the event of an
	// edit contains the message twice.
	slackBodyLimit = 4<<20 + 1
)

// bodyLimitOf returns the smallest rejected body size of a route, in bytes.
func bodyLimitOf(route string) int64 {
	if route == slackPath {
		return slackBodyLimit
	}
	return bodyLimit
}

type slackInput struct {
	Signature string `header:"X-Slack-Signature" doc:"v0= followed by the HMAC-SHA256 of the request in hexadecimal."`
	Timestamp string `header:"X-Slack-Request-Timestamp" doc:"Unix time in seconds, at most five minutes from now."`
	RawBody   []byte `contentType:"application/json"`

	// header has all values of repeated headers, which must not be verified.
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
		Challenge string `json:"challenge,omitempty" doc:"The challenge of a url_verification request."`
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

// slackCounts returns a function that logs the counts of Slack's events since the start if they have changed.
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

package channel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/channel/slackhook"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

// directory resolves the workspaces that it holds.
type directory map[string]tenancy.ID

func (d directory) Resolve(_ context.Context, channelType message.ChannelType, workspace string) (resolver.Resolution, error) {
	if workspace == "T0BROKEN" {
		return resolver.Resolution{}, errAway
	}
	id, ok := d[string(channelType)+" "+workspace]
	if !ok {
		return resolver.Resolution{}, resolver.ErrUnknownWorkspace
	}
	return resolver.Resolution{Tenant: id}, nil
}

var errAway = errors.New("the database is away")

func event(workspace string) []byte {
	return fmt.Appendf(nil, `{"team_id": %q, "api_app_id": "A0", "type": "event_callback", "event_id": "Ev1", "event_time": 1767225600,
		"authorizations": [{"team_id": %[1]q, "user_id": "U0BOT", "is_bot": true}],
		"event": {"type": "message", "user": "U0ADA", "text": "canary text", "ts": "1767225600.000100", "channel": "C0", "channel_type": "channel"}}`, workspace)
}

func TestReceive(t *testing.T) {
	t.Parallel()
	acme, err := tenancy.FromUUID(uuid.Must(uuid.NewV7()))
	require.NoError(t, err)
	verifier, err := slackhook.NewVerifier("a signing secret", time.Now)
	require.NoError(t, err)

	for _, tt := range []struct {
		name      string
		body      []byte
		forged    bool
		refusal   error // of delivering
		want      error
		delivered bool
		stats     channel.Stats
	}{
		{name: "a message reaches its tenant", body: event("T0ACME"), delivered: true, stats: channel.Stats{Delivered: 1}},
		{name: "a message of nobody is acknowledged", body: event("T0NOBODY"), stats: channel.Stats{Unknown: 1}},
		{name: "a forged one is refused before it is read", body: event("T0ACME"), forged: true, want: channel.ErrSignature, stats: channel.Stats{Unverified: 1}},
		{name: "a forged one that can't be read is refused alike", body: []byte("{"), forged: true, want: channel.ErrSignature, stats: channel.Stats{Unverified: 1}},
		{name: "an unreadable one is refused", body: []byte(`{`), want: channel.ErrPayload, stats: channel.Stats{Malformed: 1}},
		{name: "one without use is acknowledged", body: bytes.Replace(event("T0ACME"), []byte(`"type": "message"`), []byte(`"type": "reaction_added"`), 1), stats: channel.Stats{Ignored: 1}},
		{name: "one that can't be resolved comes again", body: event("T0BROKEN"), want: errAway, stats: channel.Stats{Failed: 1}},
		{name: "one that can't be delivered comes again", body: event("T0ACME"), refusal: errAway, want: errAway, stats: channel.Stats{Failed: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			var got []message.ResolvedMessage
			logger := slog.New(slog.NewJSONHandler(&log, nil))
			slack, err := channel.NewSlack(channel.SlackOptions{
				Verifier: verifier, Resolver: directory{"slack T0ACME": acme}, Logger: logger,
				Deliver: func(ctx context.Context, m message.ResolvedMessage) error {
					id, err := tenancy.From(ctx)
					require.NoError(t, err)
					require.Equal(t, m.TenantID(), id, "delivered in the tenant's context")
					require.NoError(t, channel.LogIDs(logger)(ctx, m))
					if tt.refusal == nil {
						got = append(got, m)
					}
					return tt.refusal
				},
			})
			require.NoError(t, err)
			now := time.Now()
			header := http.Header{}
			header.Set(slackhook.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
			header.Set(slackhook.SignatureHeader, verifier.Sign(now, tt.body))
			if tt.forged {
				header.Set(slackhook.SignatureHeader, verifier.Sign(now, []byte("another body")))
			}
			_, err = slack.Receive(t.Context(), header, tt.body)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, tt.delivered, len(got) == 1)
			require.Equal(t, tt.stats, slack.Stats())
			require.NotContains(t, log.String(), "canary")
		})
	}
}

func TestNewSlackNeedsAllOfIt(t *testing.T) {
	t.Parallel()
	_, err := channel.NewSlack(channel.SlackOptions{})
	require.Error(t, err)
}

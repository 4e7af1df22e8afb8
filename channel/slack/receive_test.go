package slack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

var errDown = errors.New("database down")

// workspaces resolves Slack workspaces from a map, and fails for T0DOWN.
type workspaces map[string]resolver.Resolution

func (w workspaces) Resolve(_ context.Context, channelType message.ChannelType, id string) (resolver.Resolution, error) {
	if id == "T0DOWN" {
		return resolver.Resolution{}, errDown
	}
	found, ok := w[id]
	if !ok || channelType != message.Slack {
		return resolver.Resolution{}, resolver.ErrUnknownWorkspace
	}
	return found, nil
}

func eventBody(workspace string, replacements ...string) []byte {
	body := fmt.Sprintf(`{"team_id": %q, "api_app_id": "A0", "type": "event_callback", "event_id": "Ev1", "event_time": 1767225600,
		"authorizations": [{"team_id": %[1]q, "user_id": "U0BOT", "is_bot": true}],
		"event": {"type": "message", "user": "U0ADA", "text": "canary text", "ts": "1767225600.000100", "channel": "C0", "channel_type": "channel"}}`,
		workspace)
	return []byte(strings.NewReplacer(replacements...).Replace(body))
}

type receiverBundle struct {
	verifier  *slack.Verifier
	log       bytes.Buffer
	delivered []message.ResolvedMessage
}

// newReceiver returns a receiver whose Deliver function returns deliverErr.
func newReceiver(t *testing.T, tenants workspaces, deliverErr error) (*slack.Receiver, *receiverBundle) {
	t.Helper()
	b := &receiverBundle{verifier: verifier(t, secret, time.Now)}
	log := slog.New(slog.NewJSONHandler(&b.log, nil))
	deliver := func(ctx context.Context, m message.ResolvedMessage) error {
		id, err := tenancy.From(ctx)
		require.NoError(t, err)
		require.Equal(t, m.TenantID(), id, "the context carries the message's tenant")
		require.NoError(t, channel.LogIDs(log)(ctx, m))
		if deliverErr == nil {
			b.delivered = append(b.delivered, m)
		}
		return deliverErr
	}
	return slack.NewReceiver(b.verifier, channel.NewIngress(tenants, deliver, log), log), b
}

// sign returns the headers of a request with this body, sent now.
func (b *receiverBundle) sign(body []byte) http.Header {
	now := time.Now()
	return header(strconv.FormatInt(now.Unix(), 10), b.verifier.Sign(now, body))
}

func newTenant(t *testing.T) tenancy.ID {
	t.Helper()
	id, err := tenancy.FromUUID(uuid.Must(uuid.NewV7()))
	require.NoError(t, err)
	return id
}

func TestReceiver_Receive(t *testing.T) {
	t.Parallel()
	acme := newTenant(t)
	for _, tt := range []struct {
		name       string
		body       []byte
		forged     bool
		deliverErr error
		want       error
		outcome    channel.Outcome
		logged     string
	}{
		{name: "message", body: eventBody("T0ACME"), outcome: channel.Delivered},
		{
			name: "unknown workspace", body: eventBody("T0UNKNOWN"), outcome: channel.Unknown,
			logged: `"workspace_id":"T0UNKNOWN","event_id":"Ev1"`,
		},
		{name: "forged", body: eventBody("T0ACME"), forged: true, want: channel.ErrUnverified, outcome: channel.Unverified},
		{name: "forged and malformed", body: []byte("{"), forged: true, want: channel.ErrUnverified, outcome: channel.Unverified},
		{
			name: "not JSON", body: []byte(`{"canary`), outcome: channel.Dead,
			logged: `"msg":"dead event","channel_type":"slack","event_id":"","cause":"slack: malformed payload: not JSON"`,
		},
		{
			name: "no channel", body: eventBody("T0ACME", `"C0"`, `null`), outcome: channel.Dead,
			logged: `"event_id":"Ev1","cause":"slack: malformed payload: event.channel"`,
		},
		{
			name: "no installation", body: eventBody("T0ACME", `"authorizations": [`, `"authorizations": [{}, `), outcome: channel.Dead,
			logged: `"event_id":"Ev1","cause":"slack: no installation in payload"`,
		},
		{
			name: "Socket Mode", body: []byte(`{"type": "hello"}`), outcome: channel.Dead,
			logged: `"cause":"slack: not an Events API payload"`,
		},
		{name: "reaction", body: eventBody("T0ACME", `"type": "message"`, `"type": "reaction_added"`), outcome: channel.Ignored},
		{
			name:    "installation changed",
			body:    eventBody("T0ACME", `"type": "message"`, `"type": "team_access_granted", "team_ids": ["T1"]`),
			outcome: channel.Ignored, logged: `"team_ids":["T1"]`,
		},
		{name: "resolving fails", body: eventBody("T0DOWN"), want: errDown, outcome: channel.Failed},
		{name: "delivery fails", body: eventBody("T0ACME"), deliverErr: errDown, want: errDown, outcome: channel.Failed},
		{
			name: "undeliverable", body: eventBody("T0ACME"), deliverErr: fmt.Errorf("queue full: %w", channel.ErrDead), outcome: channel.Dead,
			logged: `"event_id":"Ev1","cause":"queue full: channel: message can never be delivered"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, b := newReceiver(t, workspaces{"T0ACME": {Tenant: acme}}, tt.deliverErr)
			signed := tt.body
			if tt.forged {
				signed = []byte("another body")
			}
			_, err := r.Receive(t.Context(), b.sign(signed), tt.body)
			require.ErrorIs(t, err, tt.want)
			require.Equal(t, tt.outcome == channel.Delivered, len(b.delivered) == 1)
			var stats channel.Stats
			stats[tt.outcome] = 1
			require.Equal(t, stats, r.Stats())
			require.Contains(t, b.log.String(), tt.logged)
			require.NotContains(t, b.log.String(), "canary")
		})
	}
}

// Some of Slack's messages name only a bot; the connection's config may hold our bot's id.
func TestReceiver_MarksOurBot(t *testing.T) {
	t.Parallel()
	tenants := workspaces{
		"T0ACME":  {Tenant: newTenant(t), BotID: "B0OURS"},
		"T0OTHER": {Tenant: newTenant(t)},
	}
	receive := func(body []byte) message.KonstructMessage {
		r, b := newReceiver(t, tenants, nil)
		_, err := r.Receive(t.Context(), b.sign(body), body)
		require.NoError(t, err)
		require.Len(t, b.delivered, 1)
		return b.delivered[0].Message()
	}
	for body, want := range map[string]bool{
		string(eventBody("T0ACME", `"user": "U0ADA"`, `"bot_id": "B0OURS"`)):   true,
		string(eventBody("T0ACME", `"user": "U0ADA"`, `"bot_id": "B0THEIRS"`)): false,
		string(eventBody("T0OTHER", `"user": "U0ADA"`, `"bot_id": "B0OURS"`)):  false,
	} {
		m := receive([]byte(body))
		require.Equal(t, want, m.Sender.IsSelf, body)
		require.True(t, m.Sender.IsBot)
	}
	reply := receive(eventBody("T0ACME", `"text"`, `"thread_ts": "1767225500.000100", "root": {"bot_id": "B0OURS"}, "text"`))
	require.True(t, reply.ReplyTo.IsSelf)
}

package channel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
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
type directory map[string]resolver.Resolution

func (d directory) Resolve(_ context.Context, channelType message.ChannelType, workspace string) (resolver.Resolution, error) {
	if workspace == "T0BROKEN" {
		return resolver.Resolution{}, errAway
	}
	found, ok := d[string(channelType)+" "+workspace]
	if !ok {
		return resolver.Resolution{}, resolver.ErrUnknownWorkspace
	}
	return found, nil
}

var (
	errAway = errors.New("the database is away")
	errDead = fmt.Errorf("too many of them: %w", channel.ErrDead)
)

func event(workspace string, changes ...string) []byte {
	body := fmt.Sprintf(`{"team_id": %q, "api_app_id": "A0", "type": "event_callback", "event_id": "Ev1", "event_time": 1767225600,
		"authorizations": [{"team_id": %[1]q, "user_id": "U0BOT", "is_bot": true}],
		"event": {"type": "message", "user": "U0ADA", "text": "canary text", "ts": "1767225600.000100", "channel": "C0", "channel_type": "channel"}}`,
		workspace)
	return []byte(strings.NewReplacer(changes...).Replace(body))
}

// receiver receives for one Slack app and signs as Slack does.
type receiver struct {
	*channel.Slack

	verifier *slackhook.Verifier
	log      bytes.Buffer
	got      []message.ResolvedMessage
}

func newReceiver(t *testing.T, tenants directory, refusal error) *receiver {
	t.Helper()
	r := &receiver{}
	var err error
	r.verifier, err = slackhook.NewVerifier("a signing secret", time.Now)
	require.NoError(t, err)
	logger := slog.New(slog.NewJSONHandler(&r.log, nil))
	r.Slack, err = channel.NewSlack(channel.SlackOptions{
		Verifier: r.verifier, Resolver: tenants, Logger: logger,
		Deliver: func(ctx context.Context, m message.ResolvedMessage) error {
			id, err := tenancy.From(ctx)
			require.NoError(t, err)
			require.Equal(t, m.TenantID(), id, "delivered in the tenant's context")
			require.NoError(t, channel.LogIDs(logger)(ctx, m))
			if refusal == nil {
				r.got = append(r.got, m)
			}
			return refusal
		},
	})
	require.NoError(t, err)
	return r
}

// receive sends body with the signature of signed.
func (r *receiver) receive(ctx context.Context, body, signed []byte) error {
	now := time.Now()
	header := http.Header{}
	header.Set(slackhook.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	header.Set(slackhook.SignatureHeader, r.verifier.Sign(now, signed))
	_, err := r.Receive(ctx, header, body)
	return err
}

func newTenant(t *testing.T) tenancy.ID {
	t.Helper()
	id, err := tenancy.FromUUID(uuid.Must(uuid.NewV7()))
	require.NoError(t, err)
	return id
}

func TestReceive(t *testing.T) {
	t.Parallel()
	acme := newTenant(t)
	for _, tt := range []struct {
		name      string
		body      []byte
		forged    bool
		refusal   error // of delivering
		want      error
		delivered bool
		stats     channel.Stats
		logged    string
	}{
		{name: "a message reaches its tenant", body: event("T0ACME"), delivered: true, stats: channel.Stats{Delivered: 1}},
		{
			name: "a message of an unknown workspace is acknowledged", body: event("T0NOBODY"), stats: channel.Stats{Unknown: 1},
			logged: `"workspace_id":"T0NOBODY","event_id":"Ev1"`,
		},
		{
			name: "a forged one is refused before it is read", body: event("T0ACME"), forged: true, want: channel.ErrSignature,
			stats: channel.Stats{Unverified: 1},
		},
		{
			name: "a forged one that cannot be read is refused alike", body: []byte("{"), forged: true, want: channel.ErrSignature,
			stats: channel.Stats{Unverified: 1},
		},
		{
			name: "one that is not JSON is acknowledged and leaves a trace", body: []byte(`{"canary`), stats: channel.Stats{Dead: 1},
			logged: `"msg":"dead event","channel_type":"slack","event_id":"","cause":"slack: malformed payload: not JSON"`,
		},
		{
			name: "one that lacks its channel is acknowledged and leaves a trace", body: event("T0ACME", `"C0"`, `null`),
			stats: channel.Stats{Dead: 1}, logged: `"event_id":"Ev1","cause":"slack: malformed payload: event.channel"`,
		},
		{
			name: "one that names no installation is acknowledged and leaves a trace", body: event("T0ACME", `"authorizations": [`, `"authorizations": [{}, `),
			stats: channel.Stats{Dead: 1}, logged: `"event_id":"Ev1","cause":"slack: the payload names no installation"`,
		},
		{
			name: "one of Socket Mode is acknowledged and leaves a trace", body: []byte(`{"type": "hello"}`),
			stats: channel.Stats{Dead: 1}, logged: `"cause":"slack: not an Events API payload"`,
		},
		{name: "one without use is acknowledged", body: event("T0ACME", `"type": "message"`, `"type": "reaction_added"`), stats: channel.Stats{Ignored: 1}},
		{
			name: "a change of the installation is made known", body: event("T0ACME", `"type": "message"`, `"type": "team_access_granted", "team_ids": ["T1"]`),
			stats: channel.Stats{Ignored: 1}, logged: `"team_ids":["T1"]`,
		},
		{name: "one that cannot be resolved now is sent again", body: event("T0BROKEN"), want: errAway, stats: channel.Stats{Failed: 1}},
		{name: "one that cannot be delivered now is sent again", body: event("T0ACME"), refusal: errAway, want: errAway, stats: channel.Stats{Failed: 1}},
		{
			name: "one that can never be delivered is acknowledged and leaves a trace", body: event("T0ACME"), refusal: errDead,
			stats: channel.Stats{Dead: 1}, logged: `"event_id":"Ev1","cause":"too many of them: channel: the event can never be handled"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, directory{"slack T0ACME": {Tenant: acme}}, tt.refusal)
			signed := tt.body
			if tt.forged {
				signed = []byte("another body")
			}
			require.ErrorIs(t, r.receive(t.Context(), tt.body, signed), tt.want)
			require.Equal(t, tt.delivered, len(r.got) == 1)
			require.Equal(t, tt.stats, r.Stats())
			require.Contains(t, r.log.String(), tt.logged)
			require.NotContains(t, r.log.String(), "canary")
		})
	}
}

// TestConnectionKnowsOurBot: some of Slack's messages name only a bot, which the connection's config may know.
func TestConnectionKnowsOurBot(t *testing.T) {
	t.Parallel()
	tenants := directory{
		"slack T0ACME":  {Tenant: newTenant(t), BotID: "B0OURS"},
		"slack T0OTHER": {Tenant: newTenant(t)},
	}
	for body, want := range map[string]bool{
		string(event("T0ACME", `"user": "U0ADA"`, `"bot_id": "B0OURS"`)):   true,
		string(event("T0ACME", `"user": "U0ADA"`, `"bot_id": "B0THEIRS"`)): false,
		string(event("T0OTHER", `"user": "U0ADA"`, `"bot_id": "B0OURS"`)):  false,
	} {
		r := newReceiver(t, tenants, nil)
		require.NoError(t, r.receive(t.Context(), []byte(body), []byte(body)))
		require.Len(t, r.got, 1)
		require.Equal(t, want, r.got[0].Message().Sender.IsSelf, body)
		require.True(t, r.got[0].Message().Sender.IsBot)
	}

	reply := event("T0ACME", `"text"`, `"thread_ts": "1767225500.000100", "root": {"bot_id": "B0OURS"}, "text"`)
	r := newReceiver(t, tenants, nil)
	require.NoError(t, r.receive(t.Context(), reply, reply))
	require.True(t, r.got[0].Message().ReplyTo.IsSelf)
}

func TestNewSlackNeedsAllOfIt(t *testing.T) {
	t.Parallel()
	_, err := channel.NewSlack(channel.SlackOptions{})
	require.Error(t, err)
}

// TestStatsNameEveryCount: a metrics endpoint reads All.
func TestStatsNameEveryCount(t *testing.T) {
	t.Parallel()
	stats := channel.Stats{Delivered: 1, Unknown: 2, Ignored: 3, Unverified: 4, Dead: 5, Failed: 6}
	require.Equal(t, map[string]int64{
		"delivered": 1, "unknown": 2, "ignored": 3, "unverified": 4, "dead": 5, "failed": 6,
	}, maps.Collect(stats.All()))
	for range stats.All() {
		break
	}
}

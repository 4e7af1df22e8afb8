package channel_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel"
	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

type resolverFunc func(workspace string) (resolver.Resolution, error)

func (f resolverFunc) Resolve(_ context.Context, _ message.ChannelType, workspace string) (resolver.Resolution, error) {
	return f(workspace)
}

// One request can carry messages of several tenants.
func TestIngress_DeliverCountsPerMessage(t *testing.T) {
	t.Parallel()
	errDown := errors.New("database down")
	tenants := map[string]tenancy.ID{}
	for _, workspace := range []string{"W1", "W2"} {
		id, err := tenancy.FromUUID(uuid.Must(uuid.NewV7()))
		require.NoError(t, err)
		tenants[workspace] = id
	}
	resolve := resolverFunc(func(workspace string) (resolver.Resolution, error) {
		switch id, ok := tenants[workspace]; {
		case ok:
			return resolver.Resolution{Tenant: id}, nil
		case workspace == "DOWN":
			return resolver.Resolution{}, errDown
		default:
			return resolver.Resolution{}, resolver.ErrUnknownWorkspace
		}
	})
	var delivered []tenancy.ID
	in := channel.NewIngress(resolve, func(_ context.Context, m message.ResolvedMessage) error {
		delivered = append(delivered, m.TenantID())
		return nil
	}, slog.New(slog.DiscardHandler))
	from := func(workspace string) message.KonstructMessage {
		return message.KonstructMessage{
			ID: "1", OriginalID: "1", Kind: message.KindNew, ChannelType: message.WhatsApp,
			ChannelMetadata: message.ChannelMetadata{WorkspaceID: workspace, ChannelID: "C", MessageID: "1"},
			Sender:          message.SenderInfo{ID: "U"}, Timestamp: time.Unix(1, 0),
		}
	}
	invalid := from("W1")
	invalid.Timestamp = time.Time{}

	err := in.Deliver(t.Context(), from("DOWN"), from("W1"), invalid, from("UNKNOWN"), from("W2"))
	require.ErrorIs(t, err, errDown)
	require.Equal(t, []tenancy.ID{tenants["W1"], tenants["W2"]}, delivered)
	require.Equal(t, channel.Stats{channel.Delivered: 2, channel.Unknown: 1, channel.Dead: 1, channel.Failed: 1}, in.Stats())
	require.NoError(t, in.Deliver(t.Context(), invalid, from("UNKNOWN"), from("W2")), "a retry would not help any of these")
}

func TestStats_AllNamesEveryOutcome(t *testing.T) {
	t.Parallel()
	stats := channel.Stats{1, 2, 3, 4, 5, 6}
	require.Equal(t, map[string]int64{
		"delivered": 1, "unknown": 2, "ignored": 3, "unverified": 4, "dead": 5, "failed": 6,
	}, maps.Collect(stats.All()))
	for range stats.All() {
		break
	}
}

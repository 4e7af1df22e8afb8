package channel

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/resolver"
	"github.com/konstruct/konstruct/message"
	"github.com/konstruct/konstruct/tenancy"
)

type resolve func(workspace string) (resolver.Resolution, error)

func (r resolve) Resolve(_ context.Context, _ message.ChannelType, workspace string) (resolver.Resolution, error) {
	return r(workspace)
}

// TestOutcomesArePerMessage: one request can carry messages of several tenants.
func TestOutcomesArePerMessage(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	tenants := map[string]tenancy.ID{}
	for _, workspace := range []string{"W1", "W2"} {
		id, err := tenancy.FromUUID(uuid.Must(uuid.NewV7()))
		require.NoError(t, err)
		tenants[workspace] = id
	}
	var delivered []tenancy.ID
	in := &inlet{
		log: slog.New(slog.DiscardHandler),
		resolver: resolve(func(workspace string) (resolver.Resolution, error) {
			switch id, ok := tenants[workspace]; {
			case ok:
				return resolver.Resolution{Tenant: id}, nil
			case workspace == "AWAY":
				return resolver.Resolution{}, away
			default:
				return resolver.Resolution{}, resolver.ErrUnknownWorkspace
			}
		}),
		deliver: func(_ context.Context, m message.ResolvedMessage) error {
			delivered = append(delivered, m.TenantID())
			return nil
		},
	}
	of := func(workspace string) message.KonstructMessage {
		return message.KonstructMessage{
			ID: "1", OriginalID: "1", Kind: message.KindNew, ChannelType: message.WhatsApp,
			ChannelMetadata: message.ChannelMetadata{WorkspaceID: workspace, ChannelID: "C", MessageID: "1"},
			Sender:          message.SenderInfo{ID: "U"}, Timestamp: time.Unix(1, 0),
		}
	}
	invalid := of("W1")
	invalid.Timestamp = time.Time{}

	err := in.takeAll(t.Context(), of("AWAY"), of("W1"), invalid, of("NOBODY"), of("W2"))
	require.ErrorIs(t, err, away)
	require.Equal(t, []tenancy.ID{tenants["W1"], tenants["W2"]}, delivered)
	require.Equal(t, Stats{Delivered: 2, Unknown: 1, Dead: 1, Failed: 1}, in.counts.stats())
	require.NoError(t, in.takeAll(t.Context(), invalid, of("NOBODY"), of("W2")), "nothing that could succeed later")
}

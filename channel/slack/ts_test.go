package slack_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
)

func TestNormalize_TSIsKeptVerbatim(t *testing.T) {
	t.Parallel()
	for ts, want := range map[string]string{
		"1768471200.000000": "2026-01-15T10:00:00Z",
		"1768471200.000001": "2026-01-15T10:00:00.000001Z",
		"1768471200.999999": "2026-01-15T10:00:00.999999Z",
		"9999999999.999999": "2286-11-20T17:46:39.999999Z",
		"0.000001":          "1970-01-01T00:00:00.000001Z",
	} {
		t.Run(ts, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, nil, object{"ts": ts, "thread_ts": ts})
			require.Equal(t, ts, m.ChannelMetadata.MessageID)
			require.Equal(t, ts, m.ThreadID)
			require.Equal(t, at(t, want), m.Timestamp)
		})
	}
}

func TestNormalize_TSIsRepaired(t *testing.T) {
	t.Parallel()
	for want, forms := range map[string][]any{
		"1768471200.000007": {"1768471200000007", json.Number("1768471200.000007")},
		"1768471200.000100": {"1768471200.0001", json.Number("1768471200.0001")},
		"1768471200.000000": {"1768471200", json.Number("1768471200")},
	} {
		for _, ts := range forms {
			m := mustMessage(t, nil, object{"ts": ts, "thread_ts": ts})
			require.Equal(t, want, m.ChannelMetadata.MessageID, "ts %v", ts)
			require.Equal(t, want, m.ThreadID, "thread_ts %v", ts)
		}
	}
	for _, ts := range []any{
		"", "1768471200.", ".000001", "1768471200.0000001", "17684712000.000001", "-1.000001", "+1.000001", "1.+00001",
		"1.00_001", "1e9.000000", "1768471200,000001", " 1768471200.000001", "1768471200.000001\n", "１.000001", true,
		object{},
		[]string{"1768471200.000001"},
		"0", 0, "0000000000.000000",
	} {
		_, err := normalize(t, callback(nil, object{"ts": ts}))
		require.ErrorIs(t, err, slack.ErrMalformed, "ts %v", ts)
		m := mustMessage(t, nil, object{"ts": ts, "event_ts": "1768471200.000007"})
		require.Equal(t, "1768471200.000007", m.ChannelMetadata.MessageID, "a posting's event_ts is its ts")
		require.Empty(t, mustMessage(t, nil, object{"thread_ts": ts}).ThreadID, "thread_ts %v", ts)
		require.Equal(t, message.KindNew, mustMessage(t, nil, object{"edited": object{"ts": ts}}).Kind, "edited %v", ts)
	}
}

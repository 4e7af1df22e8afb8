package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/config"
)

func TestDrainDelay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listen, set string
		want        time.Duration
	}{
		{"127.0.0.1:8080", "", 0},
		{"localhost:8080", "", 0},
		{"[::1]:8080", "", 0},
		{":8080", "", 5 * time.Second},
		{"0.0.0.0:8080", "", 5 * time.Second},
		{"10.0.0.7:8080", "", 5 * time.Second},
		{":8080", "0s", 0},
		{":8080", "20s", 20 * time.Second},
		{"127.0.0.1:8080", "2s", 2 * time.Second},
	} {
		serve, err := config.LoadServe(with(published(), config.Env{
			"KONSTRUCT_LISTEN_ADDR": tt.listen, "KONSTRUCT_DRAIN_DELAY": tt.set,
		}))
		require.NoError(t, err)
		require.Equal(t, tt.want, serve.HTTP.Drain(), tt)
	}
}

package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/integration/testdb"
	"github.com/konstruct/konstruct/server"
	"github.com/konstruct/konstruct/server/account"
	"github.com/konstruct/konstruct/tenancy/doctor"
	"github.com/konstruct/konstruct/tenancy/pgtenant"
)

const (
	// Each client has its own network address, and sends one log-in after another, with unknown e-mail addresses.
	floodClients, floodRequests = 50, 400
	honestLogins                = 5
	// loginTolerance bounds an honest log-in: every other client is served one hash first, 50 times 20 to 50 ms.
	loginTolerance = 10 * time.Second
)

// Hashing is fair between clients, so a flood delays an honest log-in by a bounded time.
//
//nolint:paralleltest // it measures time
func TestLoginDuringFlood(t *testing.T) {
	drv, err := pgtenant.Open(t.Context(), testdb.New(t).AppURL, pgtenant.WithMaxConns(4))
	require.NoError(t, err)
	t.Cleanup(func() { _ = drv.Close() })
	api := loginServer(t, drv)

	flooding, stop := context.WithCancel(t.Context())
	defer stop()
	var flood sync.WaitGroup
	var outcomes [600]atomic.Int64 // by status
	for client := range floodClients {
		flood.Go(func() {
			for i := 0; i < floodRequests && flooding.Err() == nil; i++ {
				status := logIn(flooding, t, api, fmt.Sprintf("198.51.100.%d", client),
					fmt.Sprintf("%d-%d@example.com", client, i), "wrong horse")
				outcomes[status].Add(1)
			}
		})
	}
	require.Eventually(t, func() bool {
		return outcomes[http.StatusUnauthorized].Load() >= floodClients
	}, time.Minute, 10*time.Millisecond)
	for range honestLogins {
		began := time.Now()
		require.Equal(t, http.StatusOK, logIn(t.Context(), t, api, "203.0.113.9", "ada@example.com", "correct horse"))
		require.Less(t, time.Since(began), loginTolerance)
		t.Logf("logged in after %s; %d attempts of the flood were hashed", time.Since(began),
			outcomes[http.StatusUnauthorized].Load())
	}
	stop()
	flood.Wait()
	require.Zero(t, outcomes[http.StatusInternalServerError].Load())
	require.Zero(t, outcomes[http.StatusServiceUnavailable].Load(), "the queue has a slot for each client")
}

func loginServer(t *testing.T, drv *pgtenant.Driver) string {
	t.Helper()
	client := ent.NewClient(ent.Driver(drv))
	hasher := account.Argon2{Params: account.OWASP()}
	_, err := account.NewUsers(client, hasher, time.Now).Create(t.Context(), account.NewUser{
		Email: "ada@example.com", Name: "Ada", Password: "correct horse",
	})
	require.NoError(t, err)
	box, err := secrets.NewBox([][]byte{bytes.Repeat([]byte{7}, secrets.KeySize)})
	require.NoError(t, err)
	monitor := doctor.NewMonitor(func(context.Context) (doctor.Report, error) {
		return doctor.Report{}, nil
	}, time.Minute, slog.New(slog.DiscardHandler))
	_, err = monitor.Check(t.Context())
	require.NoError(t, err)
	s, err := server.New(t.Context(), server.Options{
		Driver: drv, Box: box, Key: bytes.Repeat([]byte{9}, 32), SlackSecret: "unused",
		Isolation: monitor, Logger: slog.New(slog.DiscardHandler),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	require.NoError(t, err)
	listening := httptest.NewServer(s.Handler())
	t.Cleanup(listening.Close)
	return listening.URL
}

// logIn returns the status, or 0 if ctx ended.
func logIn(ctx context.Context, t *testing.T, api, client, email, password string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"email": email, "password": password})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/v1/auth/login", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", client)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

package endtoend_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
)

// client calls the API.
type client struct {
	base  string
	token string
}

// object is a decoded JSON object.
type object map[string]any

func (o object) text(t *testing.T, path ...string) string {
	t.Helper()
	var value any = map[string]any(o)
	for _, name := range path {
		inner, ok := value.(map[string]any)
		require.True(t, ok, "%v has no %v", o, path)
		value = inner[name]
	}
	text, ok := value.(string)
	require.True(t, ok, "%v has no text at %v", o, path)
	return text
}

func (c client) request(t *testing.T, method, path string, body []byte) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.base+path, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return request
}

func (c client) send(t *testing.T, want int, request *http.Request) object {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, want, response.StatusCode, "%s %s: %s", request.Method, request.URL.Path, text)
	out := object{}
	if len(text) > 0 {
		require.NoError(t, json.Unmarshal(text, &out), string(text))
	}
	return out
}

func (c client) get(t *testing.T, want int, path string) object {
	t.Helper()
	return c.send(t, want, c.request(t, http.MethodGet, path, nil))
}

func (c client) post(t *testing.T, want int, path string, body object) object {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return c.send(t, want, c.request(t, http.MethodPost, path, text))
}

func (c client) login(t *testing.T, want int, email, password string) object {
	t.Helper()
	return c.post(t, want, "/v1/auth/login", object{"email": email, "password": password})
}

func (c client) as(t *testing.T, email, password string) client {
	t.Helper()
	response := c.login(t, http.StatusOK, email, password)
	require.Equal(t, email, response.text(t, "user", "email"))
	c.token = response.text(t, "session", "token")
	return c
}

// slack posts a payload signed with secret, as Slack does.
func (c client) slack(t *testing.T, want int, secret string, body []byte) {
	t.Helper()
	verifier, err := slack.NewVerifier(secret, time.Now)
	require.NoError(t, err)
	now := time.Now()
	request := c.request(t, http.MethodPost, "/v1/channels/slack/events", body)
	request.Header.Set(slack.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(slack.SignatureHeader, verifier.Sign(now, body))
	c.send(t, want, request)
}

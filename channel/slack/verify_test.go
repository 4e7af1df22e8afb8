package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	slackapi "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
)

const secret = "harbor-signing-secret"

// clock is fixed at seconds since 1970.
func clock(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(seconds, 0) }
}

func verifier(t testing.TB, secret string, now func() time.Time) *slack.Verifier {
	t.Helper()
	v, err := slack.NewVerifier(secret, now)
	require.NoError(t, err)
	return v
}

func header(timestamp, signature string) http.Header {
	h := http.Header{}
	h.Set(slack.TimestampHeader, timestamp)
	h.Set(slack.SignatureHeader, signature)
	return h
}

type vector struct {
	Name      string `json:"name"`
	Secret    string `json:"signing_secret"`
	Timestamp string `json:"timestamp"`
	Body      string `json:"body"`
	Signature string `json:"signature"`
	Valid     bool   `json:"valid"`
}

// vectors reads testdata and, if KONSTRUCT_FIXTURES is set, slack/signature_vectors.json in that folder.
func vectors(t *testing.T) []vector {
	t.Helper()
	files := []string{filepath.Join("testdata", "signature", "vectors.json")}
	if folder := os.Getenv("KONSTRUCT_FIXTURES"); folder != "" {
		files = append(files, filepath.Join(folder, "slack", "signature_vectors.json"))
	}
	var all []vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var read []vector
		require.NoError(t, json.Unmarshal(data, &read))
		require.NotEmpty(t, read)
		all = append(all, read...)
	}
	return all
}

func TestVerifier_Vectors(t *testing.T) {
	t.Parallel()
	for _, row := range vectors(t) {
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			seconds, err := strconv.ParseInt(row.Timestamp, 10, 64)
			require.NoError(t, err)
			v := verifier(t, row.Secret, clock(seconds))
			err = v.Verify(header(row.Timestamp, row.Signature), []byte(row.Body))
			if !row.Valid {
				require.ErrorIs(t, err, slack.ErrSignature)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.Signature, v.Sign(time.Unix(seconds, 0), []byte(row.Body)))
			require.ErrorIs(t, verifier(t, row.Secret+"x", clock(seconds)).
				Verify(header(row.Timestamp, row.Signature), []byte(row.Body)), slack.ErrSignature)
		})
	}
}

func TestVerifier_Tolerance(t *testing.T) {
	t.Parallel()
	const sent = 1768471200
	body := []byte(`{}`)
	signed := header("1768471200", verifier(t, secret, clock(sent)).Sign(time.Unix(sent, 0), body))
	for _, row := range []struct {
		passed time.Duration
		want   error
	}{
		{0, nil},
		{5 * time.Minute, nil},
		{5*time.Minute + time.Nanosecond, slack.ErrStale},
		{-5 * time.Minute, nil},
		{-5*time.Minute - time.Nanosecond, slack.ErrStale},
		{time.Hour, slack.ErrStale},
		{-290 * 365 * 24 * time.Hour, slack.ErrStale},
	} {
		t.Run(row.passed.String(), func(t *testing.T) {
			t.Parallel()
			now := func() time.Time { return time.Unix(sent, 0).Add(row.passed) }
			require.ErrorIs(t, verifier(t, secret, now).Verify(signed, body), row.want)
		})
	}
}

func TestVerifier_VerifyErrors(t *testing.T) {
	t.Parallel()
	const sent = 1768471200
	body := []byte(`{"type":"event_callback"}`)
	v := verifier(t, secret, clock(sent))
	good := v.Sign(time.Unix(sent, 0), body)
	digest := strings.TrimPrefix(good, "v0=")
	require.NoError(t, v.Verify(header("1768471200", good), body), "the unchanged request is valid")

	for name, row := range map[string]struct {
		header http.Header
		want   error
	}{
		"no headers":                 {http.Header{}, slack.ErrMissingHeader},
		"a nil header":               {nil, slack.ErrMissingHeader},
		"no timestamp":               {http.Header{slack.SignatureHeader: {good}}, slack.ErrMissingHeader},
		"no signature":               {http.Header{slack.TimestampHeader: {"1768471200"}}, slack.ErrMissingHeader},
		"an empty timestamp":         {header("", good), slack.ErrMissingHeader},
		"an empty signature":         {header("1768471200", ""), slack.ErrMissingHeader},
		"a second timestamp":         {doubled(slack.TimestampHeader, good, "1768471200"), slack.ErrDuplicateHeader},
		"a second signature":         {doubled(slack.SignatureHeader, good, good), slack.ErrDuplicateHeader},
		"a sign":                     {header("+1768471200", good), slack.ErrMalformedTimestamp},
		"a minus":                    {header("-1768471200", good), slack.ErrMalformedTimestamp},
		"a fraction":                 {header("1768471200.0", good), slack.ErrMalformedTimestamp},
		"an exponent":                {header("1e9", good), slack.ErrMalformedTimestamp},
		"a space":                    {header(" 1768471200", good), slack.ErrMalformedTimestamp},
		"an underscore":              {header("1_768471200", good), slack.ErrMalformedTimestamp},
		"milliseconds":               {header("1768471200000", good), slack.ErrMalformedTimestamp},
		"more than fits":             {header(strings.Repeat("9", 40), good), slack.ErrMalformedTimestamp},
		"two in one header":          {header("1768471200,1768471200", good), slack.ErrMalformedTimestamp},
		"digits of another script":   {header("１７６８４７１２００", good), slack.ErrMalformedTimestamp},
		"the year 1970":              {header("0", good), slack.ErrStale},
		"the year 2286":              {header("9999999999", good), slack.ErrStale},
		"an old version":             {header("1768471200", "v1="+digest), slack.ErrVersion},
		"no version":                 {header("1768471200", digest), slack.ErrVersion},
		"the version in capitals":    {header("1768471200", "V0="+digest), slack.ErrVersion},
		"a space before":             {header("1768471200", " "+good), slack.ErrVersion},
		"the version alone":          {header("1768471200", "v0="), slack.ErrSignature},
		"a short digest":             {header("1768471200", good[:len(good)-2]), slack.ErrSignature},
		"an odd digest":              {header("1768471200", good[:len(good)-1]), slack.ErrSignature},
		"a long digest":              {header("1768471200", good+"00"), slack.ErrSignature},
		"not hex":                    {header("1768471200", "v0="+strings.Repeat("z", 64)), slack.ErrSignature},
		"zeros":                      {header("1768471200", "v0="+strings.Repeat("0", 64)), slack.ErrSignature},
		"two signatures in a header": {header("1768471200", good+","+good), slack.ErrSignature},
		"a leading zero":             {header("01768471200"[:10], good), slack.ErrStale},
		"another timestamp in time":  {header("1768471201", good), slack.ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorIs(t, v.Verify(row.header, body), row.want)
		})
	}
}

func doubled(name, signature, second string) http.Header {
	h := header("1768471200", signature)
	h.Add(name, second)
	return h
}

func TestVerifier_CoversTheWholeBody(t *testing.T) {
	t.Parallel()
	const sent = 1768471200
	v := verifier(t, secret, clock(sent))
	body := []byte(`{"a": 1}`)
	signed := header("1768471200", v.Sign(time.Unix(sent, 0), body))
	require.NoError(t, v.Verify(signed, body))
	for _, other := range []string{"", `{"a":1}`, `{"a": 1} `, `{"a": 1}` + "\n", `{"a": 2}`, "0:" + `{"a": 1}`} {
		require.ErrorIs(t, v.Verify(signed, []byte(other)), slack.ErrSignature, other)
	}
}

func TestNewVerifier_Errors(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{"", " ", "\t\n"} {
		_, err := slack.NewVerifier(empty, time.Now)
		require.ErrorIs(t, err, slack.ErrEmptySecret)
	}
	_, err := slack.NewVerifier(secret, nil)
	require.ErrorIs(t, err, slack.ErrNoClock)
}

// The wall clock is used because slack-go accepts no other.
func TestVerifier_AgreesWithSlackGo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	v := verifier(t, secret, time.Now)
	body := []byte(`{"type":"event_callback"}`)
	signed := header(strconv.FormatInt(now.Unix(), 10), v.Sign(now, body))
	for _, sent := range []string{string(body), string(body) + " "} {
		theirs, err := slackapi.NewSecretsVerifier(signed, secret)
		require.NoError(t, err)
		_, err = theirs.Write([]byte(sent))
		require.NoError(t, err)
		require.Equal(t, theirs.Ensure() == nil, v.Verify(signed, []byte(sent)) == nil)
	}
	require.NoError(t, v.Verify(signed, body))
}

func TestVerifier_SecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	v := verifier(t, "canary-secret", time.Now)
	asBytes := strings.Trim(fmt.Sprintf("%d", []byte("canary-secret")), "[]")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{v, struct{ V *slack.Verifier }{v}, struct{ v *slack.Verifier }{v}} {
			printed := fmt.Sprintf(verb, value)
			require.NotContains(t, printed, "canary")
			require.NotContains(t, printed, asBytes)
		}
	}
	out := &bytes.Buffer{}
	slog.New(slog.NewJSONHandler(out, nil)).Info("log", "verifier", v)
	require.Contains(t, out.String(), "redacted")
	require.NotContains(t, out.String(), "canary")
}

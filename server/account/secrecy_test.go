package account_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/account"
)

// TestTokensAreRandom checks that every bit of a token varies. A random bit is the same in 64 tokens once in 2^63 runs.
func TestTokensAreRandom(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	const tokens, size = 64, 32
	ones := make([]int, size*8)
	for range tokens {
		encoded, found := strings.CutPrefix(b.expect(t, nil, attempt{}).Token, "kst_")
		require.True(t, found)
		raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
		require.NoError(t, err)
		require.Len(t, raw, size)
		for bit := range ones {
			ones[bit] += int(raw[bit/8] >> (bit % 8) & 1)
		}
	}
	for bit, n := range ones {
		require.NotZero(t, n, "bit %d is always 0", bit)
		require.NotEqual(t, tokens, n, "bit %d is always 1", bit)
	}
}

// TestAttemptsAreKeyed checks that login_attempts stores addresses only as keyed hashes.
func TestAttemptsAreKeyed(t *testing.T) {
	t.Parallel()
	b := setup(t, noLimits())
	try := func(key []byte) {
		t.Helper()
		b.options.Key = key
		logins, err := account.NewLogins(t.Context(), b.options)
		require.NoError(t, err)
		_, err = logins.Login(t.Context(), account.Attempt{Email: ada, Password: "wrong horse"})
		require.ErrorIs(t, err, account.ErrCredentials)
	}
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	try(one)
	try(two)
	try(one)
	counts := map[string]int{}
	for _, row := range b.client.LoginAttempt.Query().AllX(t.Context()) {
		counts[row.ID] = row.Count
		require.NotContains(t, row.ID, "ada")
	}
	require.Len(t, counts, 2, "one address, two keys")
	derived, err := hkdf.Key(sha256.New, one, nil, "konstruct login attempts", sha256.Size)
	require.NoError(t, err)
	mac := hmac.New(sha256.New, derived)
	mac.Write([]byte("login attempts by address\x00" + ada))
	require.Equal(t, 2, counts[hex.EncodeToString(mac.Sum(nil))], "keyed with the first key")
}

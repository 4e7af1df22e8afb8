package account_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/ent"
	"github.com/konstruct/konstruct/server/account"
)

// TestTokensAreRandom: all 32 bytes of a session's token vary. With 64 tokens, a byte that is random has the same value
// in all of them once in 2^504 runs, and each of its bits differs somewhere but for once in 2^63.
func TestTokensAreRandom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, err := h.users.Create(t.Context(), account.NewUser{Email: "ada@example.com", Name: "Ada", Password: "correct horse"})
	require.NoError(t, err)
	const tokens, size = 64, 32
	ones := make([]int, size*8)
	for range tokens {
		in, err := h.logins.Login(t.Context(), account.Attempt{Email: "ada@example.com", Password: "correct horse"})
		require.NoError(t, err)
		encoded, found := strings.CutPrefix(in.Token, "kst_")
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

// TestAttemptsAreKeyed: the table of attempts tells who tried only to those who have the key.
func TestAttemptsAreKeyed(t *testing.T) {
	t.Parallel()
	driver := openDriver(t)
	client := ent.NewClient(ent.Driver(driver))
	const email = "ada@example.com"
	try := func(key []byte) {
		t.Helper()
		logins, err := account.NewLogins(t.Context(), account.LoginOptions{
			Client: client, DB: driver, Hasher: cheap(), Clock: time.Now, Key: key,
		})
		require.NoError(t, err)
		_, err = logins.Login(t.Context(), account.Attempt{Email: email, Password: "wrong horse"})
		require.ErrorIs(t, err, account.ErrCredentials)
	}
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	try(one)
	try(two)
	try(one)
	rows := client.LoginAttempt.Query().AllX(t.Context())
	counts := map[string]int{}
	for _, row := range rows {
		counts[row.ID] = row.Count
		require.NotContains(t, row.ID, "ada")
	}
	require.Len(t, counts, 2, "the same address under two keys")
	mac := hmac.New(sha256.New, one)
	mac.Write([]byte("login attempts by address\x00" + email))
	require.Equal(t, 2, counts[hex.EncodeToString(mac.Sum(nil))], "it is the key that hides the address")
}

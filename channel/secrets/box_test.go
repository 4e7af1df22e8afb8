package secrets_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
	"github.com/konstruct/konstruct/redact"
	"github.com/konstruct/konstruct/tenancy"
)

const (
	tenantA     = "0198f3a0-0000-7000-8000-00000000000a"
	tenantB     = "0198f3a0-0000-7000-8000-00000000000b"
	connection1 = "0198f3a0-0000-7000-8000-0000000000c1"
	connection2 = "0198f3a0-0000-7000-8000-0000000000c2"
)

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, secrets.KeySize) }

func box(t testing.TB, fills ...byte) *secrets.Box {
	t.Helper()
	keys := make([][]byte, 0, len(fills))
	for _, fill := range fills {
		keys = append(keys, key(fill))
	}
	b, err := secrets.NewBox(keys)
	require.NoError(t, err)
	return b
}

func ref(t testing.TB) secrets.Ref {
	t.Helper()
	id, err := tenancy.Parse(tenantA)
	require.NoError(t, err)
	return secrets.Ref{Tenant: id, Connection: uuid.MustParse(connection1), Channel: "slack"}
}

func seal(t testing.TB, b *secrets.Box, name, plaintext string) string {
	t.Helper()
	sealed, err := b.Seal(ref(t), name, []byte(plaintext))
	require.NoError(t, err)
	return sealed
}

func TestBox_SealAndOpen(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	for _, plaintext := range []string{
		"x", "xoxb-1-abc", "ä€𝄞", "\x00\xff", "-----BEGIN KEY-----\nabc\n", strings.Repeat("x", secrets.MaxValue),
	} {
		sealed := seal(t, b, "bot_token", plaintext)
		require.Regexp(t, `^ks1\.[0-9a-f]{16}\.[A-Za-z0-9_-]+$`, sealed)
		if len(plaintext) > 3 {
			require.NotContains(t, sealed, plaintext)
		}
		opened, err := b.Open(ref(t), "bot_token", sealed)
		require.NoError(t, err)
		require.Equal(t, plaintext, opened.Reveal())
		require.NotEqual(t, sealed, seal(t, b, "bot_token", plaintext), "nonces are random")
	}
}

func TestBox_OpenChecksAssociatedData(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	sealed := seal(t, b, "bot_token", "xoxb-1-abc")
	other, err := tenancy.Parse(tenantB)
	require.NoError(t, err)
	for name, change := range map[string]func(*secrets.Ref, *string){
		"unchanged":                       func(*secrets.Ref, *string) {},
		"another tenant":                  func(r *secrets.Ref, _ *string) { r.Tenant = other },
		"another connection":              func(r *secrets.Ref, _ *string) { r.Connection = uuid.MustParse(connection2) },
		"another channel type":            func(r *secrets.Ref, _ *string) { r.Channel = "mattermost" },
		"another name":                    func(_ *secrets.Ref, name *string) { *name = "app_token" },
		"letter moved to the name":        func(r *secrets.Ref, name *string) { r.Channel, *name = "slac", "kbot_token" },
		"letter moved to the channel":     func(r *secrets.Ref, name *string) { r.Channel, *name = "slackb", "ot_token" },
		"whole name moved to the channel": func(r *secrets.Ref, name *string) { r.Channel, *name = "slackbot_token", "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, secretName := ref(t), "bot_token"
			change(&r, &secretName)
			opened, err := b.Open(r, secretName, sealed)
			if name == "unchanged" {
				require.NoError(t, err)
				require.Equal(t, "xoxb-1-abc", opened.Reveal())
				return
			}
			require.ErrorIs(t, err, secrets.ErrOpen)
			require.Empty(t, opened.Reveal())
		})
	}
}

func TestBox_OpenDetectsEveryChange(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	sealed := seal(t, b, "bot_token", "xoxb-1-abc")
	for i := range len(sealed) {
		for _, c := range []byte("A0z_.\n") {
			if sealed[i] == c {
				continue
			}
			_, err := b.Open(ref(t), "bot_token", sealed[:i]+string(c)+sealed[i+1:])
			require.Error(t, err, "character %d", i)
		}
		_, err := b.Open(ref(t), "bot_token", sealed[:i])
		require.Error(t, err, "cut at %d", i)
	}
	_, err := b.Open(ref(t), "bot_token", sealed)
	require.NoError(t, err)
}

func TestBox_OpenErrors(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	good := seal(t, b, "bot_token", "xoxb-1-abc")
	parts := strings.Split(good, ".")
	for sealed, want := range map[string]error{
		"":                                    secrets.ErrNotSealed,
		"xoxb-1-abc":                          secrets.ErrNotSealed,
		"ks2." + parts[1] + "." + parts[2]:    secrets.ErrNotSealed,
		"ks1." + parts[1]:                     secrets.ErrNotSealed,
		good + ".x":                           secrets.ErrNotSealed,
		good + "=":                            secrets.ErrNotSealed,
		good + "\n":                           secrets.ErrNotSealed,
		" " + good:                            secrets.ErrNotSealed,
		good + strings.Repeat("A", 30_000):    secrets.ErrNotSealed,
		"ks1." + parts[1] + ".":               secrets.ErrOpen,
		"ks1." + parts[1] + ".AAAA":           secrets.ErrOpen,
		good + "AAAA":                         secrets.ErrOpen,
		"ks1.." + parts[2]:                    secrets.ErrNotSealed,
		"ks1.not-the-id-of-key." + parts[2]:   secrets.ErrNotSealed,
		"ks1.00000000DC61A21B." + parts[2]:    secrets.ErrNotSealed,
		"ks1.0000000000000000." + parts[2]:    secrets.ErrUnknownKey,
		seal(t, box(t, 2), "bot_token", "xx"): secrets.ErrUnknownKey,
	} {
		opened, err := b.Open(ref(t), "bot_token", sealed)
		require.ErrorIs(t, err, want, sealed)
		require.Empty(t, opened.Reveal())
	}
}

func TestBox_OpensWithEveryKey(t *testing.T) {
	t.Parallel()
	before := seal(t, box(t, 1), "bot_token", "xoxb-1-abc")
	rotated := box(t, 2, 1)
	opened, err := rotated.Open(ref(t), "bot_token", before)
	require.NoError(t, err)
	require.Equal(t, "xoxb-1-abc", opened.Reveal())

	after := seal(t, rotated, "bot_token", "xoxb-2-abc")
	_, err = box(t, 1).Open(ref(t), "bot_token", after)
	require.ErrorIs(t, err, secrets.ErrUnknownKey, "the first key seals")
	opened, err = box(t, 2).Open(ref(t), "bot_token", after)
	require.NoError(t, err)
	require.Equal(t, "xoxb-2-abc", opened.Reveal())

	_, err = box(t, 2).Open(ref(t), "bot_token", before)
	require.ErrorIs(t, err, secrets.ErrUnknownKey)

	parts, forged := strings.Split(before, "."), strings.Split(after, ".")
	_, err = rotated.Open(ref(t), "bot_token", parts[0]+"."+forged[1]+"."+parts[2])
	require.ErrorIs(t, err, secrets.ErrOpen, "key id of another key")
}

func TestBox_Reseal(t *testing.T) {
	t.Parallel()
	before, after := box(t, 1), box(t, 2, 1)
	old := seal(t, before, "bot_token", "xoxb-1-abc")
	resealed, err := after.Reseal(ref(t), "bot_token", old)
	require.NoError(t, err)
	opened, err := box(t, 2).Open(ref(t), "bot_token", resealed)
	require.NoError(t, err, "the old key is no longer needed")
	require.Equal(t, "xoxb-1-abc", opened.Reveal())

	again, err := after.Reseal(ref(t), "bot_token", resealed)
	require.NoError(t, err)
	require.Equal(t, resealed, again, "already sealed with the first key")

	for name, tc := range map[string]struct {
		box    *secrets.Box
		sealed string
		want   error
	}{
		"old key missing":                     {box(t, 2), old, secrets.ErrUnknownKey},
		"modified":                            {after, old + "AAAA", secrets.ErrOpen},
		"modified, sealed with the first key": {after, resealed + "AAAA", secrets.ErrOpen},
		"not sealed":                          {after, "xoxb-1-abc", secrets.ErrNotSealed},
	} {
		_, err := tc.box.Reseal(ref(t), "bot_token", tc.sealed)
		require.ErrorIs(t, err, tc.want, name)
	}
	_, err = after.Reseal(ref(t), "app_token", old)
	require.ErrorIs(t, err, secrets.ErrOpen, "bound to its name")
}

func TestBox_OpenReportsUnknownKeyID(t *testing.T) {
	t.Parallel()
	old := box(t, 1)
	sealed := seal(t, old, "bot_token", "xoxb-1-abc")
	_, err := box(t, 2).Open(ref(t), "bot_token", sealed)
	require.ErrorIs(t, err, secrets.ErrUnknownKey)
	require.ErrorContains(t, err, old.KeyIDs()[0])
	require.NotContains(t, err.Error(), strings.Split(sealed, ".")[2])
}

func TestBox_KeyIDs(t *testing.T) {
	t.Parallel()
	both := box(t, 1, 2)
	require.Equal(t, append(box(t, 1).KeyIDs(), box(t, 2).KeyIDs()...), both.KeyIDs(), "in configured order")
	id, err := secrets.KeyID(seal(t, both, "bot_token", "xoxb-1-abc"))
	require.NoError(t, err)
	require.Equal(t, both.KeyIDs()[0], id)
	id, err = secrets.KeyID(pinned)
	require.NoError(t, err, "the key need not be configured")
	require.Equal(t, "dc61a21ba51a2f8b", id)
	_, err = secrets.KeyID("xoxb-1-abc")
	require.ErrorIs(t, err, secrets.ErrNotSealed)

	both.KeyIDs()[0] = "changed"
	require.NotEqual(t, "changed", both.KeyIDs()[0], "a copy")
}

// pinned is "xoxb-pinned", sealed by the first release with a key of 32 bytes 7.
const pinned = "ks1.dc61a21ba51a2f8b.x-IK6kQcW573Oqdpk77ytuMIUw6H5Ad9NrNqyVKUV0KP--6-sYs_"

func TestBox_OpensTextOfFirstRelease(t *testing.T) {
	t.Parallel()
	opened, err := box(t, 7).Open(ref(t), "bot_token", pinned)
	require.NoError(t, err)
	require.Equal(t, "xoxb-pinned", opened.Reveal())
}

func TestBox_IncompleteRef(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	sealed := seal(t, b, "bot_token", "xoxb-1-abc")
	for _, row := range []struct {
		change func(*secrets.Ref)
		want   error
	}{
		{func(r *secrets.Ref) { r.Tenant = tenancy.ID{} }, tenancy.ErrInvalidID},
		{func(r *secrets.Ref) { r.Connection = uuid.Nil }, secrets.ErrInvalidRef},
		{func(r *secrets.Ref) { r.Channel = "" }, secrets.ErrInvalidRef},
		{func(r *secrets.Ref) { *r = secrets.Ref{} }, tenancy.ErrInvalidID},
	} {
		r := ref(t)
		row.change(&r)
		_, err := b.Seal(r, "bot_token", []byte("xoxb-1-abc"))
		require.ErrorIs(t, err, row.want)
		_, err = b.Open(r, "bot_token", sealed)
		require.ErrorIs(t, err, row.want)
		_, err = b.Apply(r, nil, nil)
		require.ErrorIs(t, err, row.want)
	}
}

func TestNewBox_Errors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		keys [][]byte
		want error
	}{
		{nil, secrets.ErrNoKeys},
		{[][]byte{nil}, secrets.ErrKey},
		{[][]byte{key(1)[:16]}, secrets.ErrKey},
		{[][]byte{key(1)[:31]}, secrets.ErrKey},
		{[][]byte{append(key(1), 1)}, secrets.ErrKey},
		{[][]byte{key(1), {}}, secrets.ErrKey},
		{[][]byte{key(1), key(2), key(1)}, secrets.ErrDuplicateKey},
	} {
		b, err := secrets.NewBox(row.keys)
		require.ErrorIs(t, err, row.want)
		require.Nil(t, b)
	}
}

func TestPlaintextIsNeverPrinted(t *testing.T) {
	t.Parallel()
	b := box(t, 'c')
	canary := "canary-token"
	opened, err := b.Open(ref(t), "bot_token", seal(t, b, "bot_token", canary))
	require.NoError(t, err)
	require.Equal(t, canary, opened.Reveal())
	patch := secrets.Patch{"bot_token": &canary, "canary token as a name": &canary, "old": nil}

	type wrap struct {
		Shown  any
		secret redact.Text
		patch  secrets.Patch
		box    *secrets.Box
	}
	unwanted := []string{canary, "canary", fmt.Sprintf("%d", []byte(canary)), fmt.Sprintf("%d", key('c')), string(key('c')), hex.EncodeToString(key('c'))}
	check := func(printed string) {
		t.Helper()
		for _, word := range unwanted {
			require.NotContains(t, printed, word)
		}
	}
	for _, value := range []any{opened, &opened, b, patch, &patch} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			check(fmt.Sprintf(verb, value))
			check(fmt.Sprintf(verb, wrap{value, opened, secrets.Patch{"bot_token": &canary}, b}))
		}
		encoded, err := json.Marshal(map[string]any{"value": value})
		require.NoError(t, err)
		check(string(encoded))
		out := &bytes.Buffer{}
		slog.New(slog.NewJSONHandler(out, nil)).Info("log", "value", value, "inside", wrap{Shown: value})
		slog.New(slog.NewTextHandler(out, nil)).Info("log", "value", value, "inside", wrap{Shown: value})
		check(out.String())
	}
	encoded, err := json.Marshal(patch)
	require.NoError(t, err)
	require.JSONEq(t, `{"bot_token": "[redacted]", "(invalid name)": "[redacted]", "old": null}`, string(encoded))

	for _, row := range []struct {
		value any
		want  string
	}{
		{b, "[redacted]"},
		{patch, `secrets.Patch["(invalid name)" "bot_token" "old"]`},
		{opened, "[redacted]"},
	} {
		require.Equal(t, row.want, fmt.Sprintf("%v", row.value))
		require.Equal(t, row.want, fmt.Sprintf("%#v", row.value))
		require.Equal(t, row.want, slog.AnyValue(row.value).Resolve().String())
	}
	encoded, err = json.Marshal(opened)
	require.NoError(t, err)
	require.JSONEq(t, `"[redacted]"`, string(encoded))
}

func FuzzOpen(f *testing.F) {
	b := box(f, 1, 7)
	for _, sealed := range []string{"", ".", "..", "ks1..", pinned, pinned + "A", pinned[:len(pinned)-1]} {
		f.Add(sealed)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		opened, err := b.Open(ref(t), "bot_token", sealed)
		if sealed == pinned {
			require.NoError(t, err)
			return
		}
		require.Error(t, err)
		require.Empty(t, opened.Reveal())
	})
}

func TestBox_Nil(t *testing.T) {
	t.Parallel()
	var none *secrets.Box
	sealed := seal(t, box(t, 1), "bot_token", "xoxb-1")

	_, err := none.Seal(ref(t), "bot_token", []byte("xoxb-1"))
	require.ErrorIs(t, err, secrets.ErrNoKeys)
	require.ErrorContains(t, err, "KONSTRUCT_SECRETS_KEY")
	_, err = none.Open(ref(t), "bot_token", sealed)
	require.ErrorIs(t, err, secrets.ErrNoKeys)
	_, err = none.Apply(ref(t), nil, secrets.Patch{"bot_token": new("xoxb-1")})
	require.ErrorIs(t, err, secrets.ErrNoKeys)
	kept, err := none.Apply(ref(t), map[string]string{"bot_token": sealed, "old": sealed}, secrets.Patch{"old": nil})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"bot_token": sealed}, kept)
}

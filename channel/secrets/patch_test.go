package secrets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/secrets"
)

// openAll returns the plaintext of all stored secrets.
func openAll(t *testing.T, b *secrets.Box, stored map[string]string) map[string]string {
	t.Helper()
	plain := map[string]string{}
	for name, sealed := range stored {
		opened, err := b.Open(ref(t), name, sealed)
		require.NoError(t, err)
		plain[name] = opened.Reveal()
	}
	return plain
}

func TestBox_Apply(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	stored := map[string]string{"bot_token": seal(t, b, "bot_token", "one"), "app_token": seal(t, b, "app_token", "two")}
	for name, row := range map[string]struct {
		patch secrets.Patch
		want  map[string]string
	}{
		"nil patch keeps all":             {nil, map[string]string{"bot_token": "one", "app_token": "two"}},
		"empty patch keeps all":           {secrets.Patch{}, map[string]string{"bot_token": "one", "app_token": "two"}},
		"text replaces":                   {secrets.Patch{"bot_token": new("new")}, map[string]string{"bot_token": "new", "app_token": "two"}},
		"text adds":                       {secrets.Patch{"x_9": new("new")}, map[string]string{"bot_token": "one", "app_token": "two", "x_9": "new"}},
		"null removes":                    {secrets.Patch{"bot_token": nil}, map[string]string{"app_token": "two"}},
		"null of an absent name":          {secrets.Patch{"other": nil}, map[string]string{"bot_token": "one", "app_token": "two"}},
		"removal and replacement":         {secrets.Patch{"bot_token": nil, "app_token": new("2")}, map[string]string{"app_token": "2"}},
		"surrounding white space is kept": {secrets.Patch{"bot_token": new(" one ")}, map[string]string{"bot_token": " one ", "app_token": "two"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := maps.Clone(stored)
			merged, err := b.Apply(ref(t), stored, row.patch)
			require.NoError(t, err)
			require.Equal(t, row.want, openAll(t, b, merged))
			require.Equal(t, before, stored, "the argument is not modified")
			for name, sealed := range merged {
				if _, patched := row.patch[name]; !patched {
					require.Equal(t, stored[name], sealed, "unchanged secrets are not sealed again")
				}
			}
		})
	}
}

// An update must not depend on removed keys.
func TestBox_ApplyKeepsUnopenableSecrets(t *testing.T) {
	t.Parallel()
	stored := map[string]string{"bot_token": seal(t, box(t, 9), "bot_token", "one")}
	merged, err := box(t, 1).Apply(ref(t), stored, secrets.Patch{"app_token": new("two")})
	require.NoError(t, err)
	require.Equal(t, stored["bot_token"], merged["bot_token"])
	require.Len(t, merged, 2)
}

// A save that read its row before a key rotation and writes after it must not restore the old key.
func TestBox_ApplyResealsOlderKeys(t *testing.T) {
	t.Parallel()
	stored := map[string]string{"bot_token": seal(t, box(t, 1), "bot_token", "one")}
	merged, err := box(t, 2, 1).Apply(ref(t), stored, secrets.Patch{"app_token": new("two")})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"bot_token": "one", "app_token": "two"}, openAll(t, box(t, 2), merged))
}

func TestBox_ApplyWithoutStoredSecrets(t *testing.T) {
	t.Parallel()
	merged, err := box(t, 1).Apply(ref(t), nil, nil)
	require.NoError(t, err)
	require.NotNil(t, merged, "the column holds an object, not null")
	require.Empty(t, merged)
}

func TestPatch_Check(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		value string
		want  error
	}{
		{"bot_token", "xoxb-1-abc", nil},
		{"a", "1", nil},
		{strings.Repeat("a", 64), strings.Repeat("x", secrets.MaxValue), nil},
		{"bot_token", "a*b**c", nil},
		{"bot_token", "wait…", nil},
		{"bot_token", "is-redacted-not", nil},

		{"", "x", secrets.ErrName},
		{strings.Repeat("a", 65), "x", secrets.ErrName},
		{"Bot", "x", secrets.ErrName},
		{"bot-token", "x", secrets.ErrName},
		{"bot.token", "x", secrets.ErrName},
		{"bot token", "x", secrets.ErrName},
		{"bot_token\n", "x", secrets.ErrName},
		{"bøt", "x", secrets.ErrName},

		{"bot_token", "", secrets.ErrEmpty},
		{"bot_token", " \t\n", secrets.ErrEmpty},
		{"bot_token", "\u00a0", secrets.ErrEmpty},
		{"bot_token", strings.Repeat("x", secrets.MaxValue+1), secrets.ErrTooLarge},

		{"bot_token", "[redacted]", secrets.ErrRedacted},
		{"bot_token", " [REDACTED]\n", secrets.ErrRedacted},
		{"bot_token", "redacted", secrets.ErrRedacted},
		{"bot_token", "<redacted>", secrets.ErrRedacted},
		{"bot_token", "(hidden)", secrets.ErrRedacted},
		{"bot_token", "***masked***", secrets.ErrRedacted},
		{"bot_token", "<Masked>", secrets.ErrRedacted},
		{"bot_token", "*", secrets.ErrRedacted},
		{"bot_token", "********", secrets.ErrRedacted},
		{"bot_token", "xoxb-********abc", secrets.ErrRedacted},
		{"bot_token", "••••••••", secrets.ErrRedacted},
		{"bot_token", "xoxb-•••", secrets.ErrRedacted},
		{"bot_token", "token=[redacted]", secrets.ErrRedacted},
	} {
		t.Run(fmt.Sprintf("%.20q %.20q", row.name, row.value), func(t *testing.T) {
			t.Parallel()
			b := box(t, 1)
			patch := secrets.Patch{row.name: &row.value}
			_, sealErr := b.Seal(ref(t), row.name, []byte(row.value))
			merged, applyErr := b.Apply(ref(t), map[string]string{}, patch)
			for _, err := range []error{patch.Check(), applyErr, sealErr} {
				require.ErrorIs(t, err, row.want)
			}
			if row.want == nil {
				require.Len(t, merged, 1)
				return
			}
			require.Nil(t, merged)
			var fault *secrets.FaultError
			require.ErrorAs(t, applyErr, &fault)
			if errors.Is(row.want, secrets.ErrName) {
				require.Empty(t, fault.Name, "an invalid name may be a secret")
			} else {
				require.Equal(t, row.name, fault.Name)
			}
		})
	}
}

func TestPatch_CheckRemovedNames(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, secrets.Patch{"Bot": nil}.Check(), secrets.ErrName)
	_, err := box(t, 1).Apply(ref(t), nil, secrets.Patch{"Bot": nil})
	require.ErrorIs(t, err, secrets.ErrName)
	require.NoError(t, secrets.Patch{"bot": nil}.Check())
}

func TestPatch_CheckJoinsErrorsInOrder(t *testing.T) {
	t.Parallel()
	err := secrets.Patch{
		"b_token": new("***"), "a_token": new(""), "c_token": new("good"), "canary!": new(""),
		"d_token": new(strings.Repeat("canary", 10_000)),
	}.Check()
	require.EqualError(t, err, strings.Join([]string{
		"a_token: secrets: the value is empty; send null to remove the secret",
		"b_token: secrets: the value is redacted; omit the name to keep the secret",
		"secrets: a name must be 1 to 64 of a-z, 0-9 and _",
		"d_token: secrets: the value is longer than 16384 bytes",
	}, "\n"))
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	require.Len(t, joined.Unwrap(), 4)
}

func TestBox_ApplyLimitsTheNumber(t *testing.T) {
	t.Parallel()
	b := box(t, 1)
	patch := secrets.Patch{}
	for i := range secrets.MaxNames {
		patch[fmt.Sprintf("name_%d", i)] = new("x")
	}
	full, err := b.Apply(ref(t), nil, patch)
	require.NoError(t, err)
	require.Len(t, full, secrets.MaxNames)

	_, err = b.Apply(ref(t), full, secrets.Patch{"one_more": new("x")})
	require.ErrorIs(t, err, secrets.ErrTooMany)
	var fault *secrets.FaultError
	require.ErrorAs(t, err, &fault)

	swapped, err := b.Apply(ref(t), full, secrets.Patch{"one_more": new("x"), "name_0": nil})
	require.NoError(t, err)
	require.Len(t, swapped, secrets.MaxNames)
	_, err = b.Apply(ref(t), full, secrets.Patch{"name_1": new("y")})
	require.NoError(t, err)

	full["from_a_higher_limit"] = full["name_0"]
	kept, err := b.Apply(ref(t), full, secrets.Patch{"name_1": new("y")})
	require.NoError(t, err, "the number does not grow")
	require.Len(t, kept, secrets.MaxNames+1)
}

func TestPatch_UnmarshalJSON(t *testing.T) {
	t.Parallel()
	var patch secrets.Patch
	require.NoError(t, json.Unmarshal([]byte(`{"bot_token": "one", "app_token": null}`), &patch))
	require.Equal(t, secrets.Patch{"bot_token": new("one"), "app_token": nil}, patch)
}

func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a", "b", "c"}, secrets.Names(map[string]string{"b": "", "c": "", "a": ""}))
	require.Equal(t, []string{}, secrets.Names(nil), "an empty list, not null")
}

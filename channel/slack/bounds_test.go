package slack_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/channel/slack"
	"github.com/konstruct/konstruct/message"
)

// Each of these is quadratic or recursive in a naive implementation, and would time out.
func TestNormalize_HostileSizes(t *testing.T) {
	t.Parallel()
	const many = 1 << 18
	nested := strings.Repeat("[", many) + strings.Repeat("]", many)
	for _, body := range []string{
		nested,
		`{"type":"event_callback","event":` + nested + `}`,
		strings.Repeat(`{"event":`, many),
	} {
		_, err := slack.Normalize([]byte(body))
		require.ErrorIs(t, err, slack.ErrMalformed)
	}

	shallow := json.RawMessage(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))
	for _, field := range []string{"blocks", "attachments", "files", "text", "user", "edited", "root", "message"} {
		mustMessage(t, nil, object{field: shallow})
	}

	repeated := `{"type":"event_callback","authorizations":[{"team_id":"T1"}],"event":{"type":"message","user":"U1","channel":"C1","ts":"1.000001"` +
		strings.Repeat(`,"pinned_to":[]`, many) + "}}"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := slack.Normalize([]byte(repeated))
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<30), "65 GiB in a quadratic version; includes parallel tests")

	for _, end := range []string{"", ">", "|>"} {
		open := strings.Repeat("<@", many) + end
		require.Empty(t, mustMessage(t, nil, object{"text": open}).Content.Mentions)
	}
}

// Without limits, each of these would grow to many times the body, which is at most 4 MiB.
func TestNormalize_ContentIsBounded(t *testing.T) {
	t.Parallel()
	list := func(one string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(one+",", (3<<20)/(len(one)+1)), ",") + "]"
	}
	numbered := func(form string, count int) string {
		out := &strings.Builder{}
		for i := range count {
			fmt.Fprintf(out, form, i)
		}
		return out.String()
	}
	nested := func(open, end string, depth int) string {
		return strings.Repeat(open, depth) + "{}" + strings.Repeat(end, depth)
	}
	for name, inner := range map[string]string{
		"a long text":                 `{"text": "` + strings.Repeat("漢", 1<<20) + `"}`,
		"many lines":                  `{"text": "` + strings.Repeat(`&gt;\n`, 1<<19) + `"}`,
		"many mentions":               `{"text": "` + numbered("<@U%d>", 200_000) + `"}`,
		"many empty blocks":           `{"blocks": ` + list(`{}`) + `}`,
		"many blocks":                 `{"blocks": ` + list(`{"type":"header","text":{"type":"plain_text","text":"x"}}`) + `}`,
		"many elements":               `{"blocks": [{"type": "actions", "elements": ` + list(`{"type":"button","text":{"text":"x"}}`) + `}]}`,
		"many rows":                   `{"blocks": [{"type": "table", "rows": ` + list(`[{"type":"raw_text","text":"x"}]`) + `}]}`,
		"many cells":                  `{"blocks": [{"type": "table", "rows": [` + list(`1`) + `]}]}`,
		"many attachments":            `{"attachments": ` + list(`{"text":"x"}`) + `}`,
		"many empty attachments":      `{"attachments": ` + list(`{}`) + `}`,
		"many fields":                 `{"attachments": [{"fields": ` + list(`{"title":"x"}`) + `}]}`,
		"many attachments, blocks":    `{"attachments": ` + list(`{"text":"x"}`) + `, "blocks": ` + list(`{"type":"header","text":{"type":"plain_text","text":"y"}}`) + `}`,
		"many files":                  `{"files": [` + numbered(`{"id":"F%d"},`, 100_000) + `{}]}`,
		"one file many times":         `{"files": ` + list(`{"id":"F1"}`) + `}`,
		"blocks in blocks":            `{"blocks": [` + nested(`{"elements":[`, `]}`, 3000) + `]}`,
		"quotes in quotes":            `{"blocks": [` + nested(`{"type":"rich_text_quote","elements":[`, `]}`, 3000) + `]}`,
		"attachments of one":          `{"attachments": [` + nested(`{"text":"x","attachments":[`, `]}`, 3000) + `]}`,
		"messages in messages":        `{"attachments": [` + nested(`{"message":{"text":"x","attachments":[`, `]}}`, 2000) + `]}`,
		"message blocks in messages":  `{"attachments": [` + nested(`{"message_blocks":[{"message":{"text":"x","attachments":[`, `]}}]}`, 1500) + `]}`,
		"many messages in one":        `{"attachments": [{"message_blocks": ` + list(`{"message":{"text":"a word"}}`) + `}]}`,
		"many messages, as an object": `{"attachments": [{"message_blocks": {` + numbered(`"%[1]d":{"message":{"text":"w%[1]d"}},`, 60_000) + `"":0}}]}`,
		"a long quotation":            `{"blocks": [{"type": "rich_text_quote", "elements": ` + list(`{"type":"text","text":"a\n"}`) + `}]}`,
		"a long name":                 strings.ReplaceAll(`{"user_profile": {"display_name": "x"}, "files": [{"id": "F1", "name": "x"}]}`, `"x"`, `"`+strings.Repeat("x", 1<<20)+`"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, nil, inner)
			encoded, err := json.Marshal(m.KonstructMessage)
			require.NoError(t, err)
			require.Less(t, len(encoded), 12<<20)
		})
	}
}

func TestNormalize_RawLimit(t *testing.T) {
	t.Parallel()
	for size, kept := range map[int]bool{message.MaxRaw * 9 / 10: true, message.MaxRaw: false} {
		m := mustMessage(t, nil, object{"padding": strings.Repeat("x", size)})
		require.Equal(t, kept, m.Raw != nil, size)
	}
}

package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/konstruct/konstruct/message"
)

func block(s string) json.RawMessage { return json.RawMessage(s) }

func blocks(s string) string { return `{"text": "", "blocks": [` + s + `]}` }

func richText(elements string) string {
	return blocks(`{"type":"rich_text","elements":[` + elements + `]}`)
}

func section(elements string) string {
	return `{"type":"rich_text_section","elements":[` + elements + `]}`
}

func TestNormalize_BlocksAsText(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		inner string
		want  string
	}{
		"header":       {blocks(`{"type":"header","text":{"type":"plain_text","text":"Tides &amp; tugs","emoji":true}}`), "Tides & tugs"},
		"section":      {blocks(`{"type":"section","text":{"type":"mrkdwn","text":"*high* <https://t.example|at noon>"}}`), "*high* at noon (https://t.example)"},
		"fields":       {blocks(`{"type":"section","fields":[{"type":"mrkdwn","text":"*Berth*\n4"},{"type":"plain_text","text":"free"}]}`), "*Berth*\n4\nfree"},
		"accessory":    {blocks(`{"type":"section","text":{"type":"mrkdwn","text":"Berth 4"},"accessory":{"type":"button","text":{"type":"plain_text","text":"Reserve"}}}`), "Berth 4\n[Reserve]"},
		"context":      {blocks(`{"type":"context","elements":[{"type":"image","image_url":"https://i.example/x.png","alt_text":"gull"},{"type":"mrkdwn","text":"by <@U0MATE>"}]}`), "[image: gull] by @U0MATE"},
		"image":        {blocks(`{"type":"image","image_url":"https://i.example/x.png","alt_text":"the quay","title":{"type":"plain_text","text":"North"}}`), "[image: North: the quay]"},
		"image alone":  {blocks(`{"type":"image","image_url":"https://i.example/x.png","alt_text":"the quay"}`), "[image: the quay]"},
		"video":        {blocks(`{"type":"video","title":{"type":"plain_text","text":"Tour"},"title_url":"https://v.example","description":{"type":"plain_text","text":"of the port"},"alt_text":"a","provider_name":"Tube"}`), "[video: Tour] (https://v.example)\nof the port\nTube"},
		"markdown":     {blocks(`{"type":"markdown","text":"**bold** <@U0MATE>"}`), "**bold** @U0MATE"},
		"actions":      {blocks(`{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Yes"},"value":"y"},{"type":"button","text":{"type":"plain_text","text":"Docs"},"url":"https://d.example"},{"type":"static_select","placeholder":{"type":"plain_text","text":"Pick a berth"},"initial_option":{"text":{"type":"plain_text","text":"Berth 4"},"value":"4"},"options":[]}]}`), "[Yes] [Docs] (https://d.example) [Pick a berth: Berth 4]"},
		"choices":      {blocks(`{"type":"actions","elements":[{"type":"checkboxes","options":[{"text":{"type":"mrkdwn","text":"*fuel*"}},{"text":{"type":"plain_text","text":"water"}}]}]}`), "*fuel* water"},
		"input":        {blocks(`{"type":"input","label":{"type":"plain_text","text":"Draft"},"element":{"type":"plain_text_input","placeholder":{"type":"plain_text","text":"in meters"},"initial_value":"3"},"hint":{"type":"plain_text","text":"laden"}}`), "Draft\n[in meters: 3]\nladen"},
		"divider":      {blocks(`{"type":"header","text":{"type":"plain_text","text":"a"}},{"type":"divider"},{"type":"header","text":{"type":"plain_text","text":"b"}}`), "a\nb"},
		"call":         {blocks(`{"type":"call","call":{"v1":{"name":"Standup","join_url":"https://c.example"}}}`), "Standup (https://c.example)"},
		"table":        {blocks(`{"type":"table","rows":[[{"type":"raw_text","text":"Ship"},{"type":"raw_text","text":"Berth"}],[{"type":"rich_text","elements":[` + section(`{"type":"user","user_id":"U0MATE"}`) + `]},{"type":"raw_number","value":4}]]}`), "Ship | Berth\n@U0MATE | 4"},
		"a new block":  {blocks(`{"type":"tide_card","title":{"type":"plain_text","text":"Tide"},"body":{"type":"mrkdwn","text":"high <@U0MATE>"},"items":[{"type":"tide_item","text":"noon"}]}`), "Tide\nhigh @U0MATE\nnoon"},
		"a new field":  {blocks(`{"type":"tide_card","warning":{"type":"mrkdwn","text":"fog <@U0MATE>"},"confirm":{"title":{"type":"plain_text","text":"Sure?"}}}`), "fog @U0MATE"},
		"a container":  {blocks(`{"type":"container","rich_text_title":{"type":"rich_text","elements":[` + section(`{"type":"text","text":"Log"}`) + `]},"child_blocks":[{"type":"section","text":{"type":"mrkdwn","text":"by <@U0MATE>"}}]}`), "Log\nby @U0MATE"},
		"a chart":      {blocks(`{"type":"data_visualization","title":"Tides","chart":{"type":"bar","series":[{"name":"North","data":[{"label":"noon","value":-5}]}],"axis_config":{"categories":["noon"]}}}`), "Tides\nNorth\nnoon\n-5"},
		"data table":   {blocks(`{"type":"data_table","caption":"Berths","rows":[[{"type":"raw_text","text":"Ship"},{"type":"raw_text","text":"Draft"}],[{"type":"raw_text","text":"Gull"},{"type":"raw_number","value":4,"text":"4"}]]}`), "Berths\nShip | Draft\nGull | 4"},
		"feedback":     {blocks(`{"type":"context_actions","elements":[{"type":"feedback_buttons","positive_button":{"text":{"type":"plain_text","text":"Good"}},"negative_button":{"text":{"type":"plain_text","text":"Bad"}}}]}`), "[Good] [Bad]"},
		"no type":      {blocks(`{"text":{"type":"mrkdwn","text":"a"}}`), "a"},
		"an odd block": {blocks(`null,1,"x",[],{},{"type":"section","text":7},{"type":["section"]},{"type":"header","text":{"type":"plain_text","text":"kept"}}`), "7\nkept"},

		"styles":      {richText(section(`{"type":"text","text":"a &lt; b ","style":{"bold":true}},{"type":"emoji","name":"wave"}`)), "a &lt; b :wave:"},
		"references":  {richText(section(`{"type":"user","user_id":"U0MATE"},{"type":"text","text":" "},{"type":"usergroup","usergroup_id":"S0CREW"},{"type":"text","text":" "},{"type":"channel","channel_id":"C0PIER"},{"type":"text","text":" "},{"type":"broadcast","range":"here"},{"type":"text","text":" "},{"type":"team","team_id":"T0PORT"}`)), "@U0MATE @S0CREW #C0PIER @here T0PORT"},
		"links":       {richText(section(`{"type":"link","url":"https://a.example"},{"type":"text","text":" "},{"type":"link","url":"https://b.example","text":"b"}`)), "https://a.example b (https://b.example)"},
		"dates":       {richText(section(`{"type":"date","timestamp":1768471200,"format":"{date}"},{"type":"text","text":" "},{"type":"date","timestamp":1,"fallback":"soon"},{"type":"color","value":"#00ff00"}`)), "2026-01-15 10:00 UTC soon#00ff00"},
		"date links":  {richText(section(`{"type":"date","timestamp":1,"fallback":"soon","url":"https://d.example"}`)), "soon (https://d.example)"},
		"lists":       {richText(`{"type":"rich_text_list","style":"bullet","indent":0,"elements":[` + section(`{"type":"text","text":"a"}`) + `,` + section(`{"type":"text","text":"b"}`) + `]},{"type":"rich_text_list","style":"ordered","indent":1,"offset":2,"elements":[` + section(`{"type":"text","text":"c"}`) + `]}`), "• a\n• b\n  3. c"},
		"quote":       {richText(`{"type":"rich_text_quote","elements":[{"type":"text","text":"one\ntwo"}]},` + section(`{"type":"text","text":"three"}`)), "> one\n> two\nthree"},
		"quoted list": {richText(`{"type":"rich_text_list","style":"bullet","border":1,"elements":[` + section(`{"type":"text","text":"a"}`) + `,` + section(`{"type":"user","user_id":"U0MATE"}`) + `]}`), "> • a\n> • @U0MATE"},
		"quoted code": {richText(`{"type":"rich_text_preformatted","border":1,"elements":[{"type":"text","text":"x"}]}`), "> ```\n> x\n> ```"},
		"code":        {richText(`{"type":"rich_text_preformatted","elements":[{"type":"text","text":"x := 1\ny := 2"}]}`), "```\nx := 1\ny := 2\n```"},
		"an odd leaf": {
			richText(section(`{"type":"text","text":{}},{"type":"user","user_id":[]},{"type":"future","text":"kept"},7`)), "kept",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMessage(t, nil, row.inner)
			requireValid(t, m.KonstructMessage)
			require.Equal(t, row.want, strings.TrimSpace(m.Content.PlainText))
			require.Equal(t, message.PartBlocks, m.Content.Parts[0].Kind)
			require.Equal(t, m.Content.PlainText, m.Content.Parts[0].Text)
			require.Empty(t, m.Content.Text, "Text is Slack's text")
			require.Contains(t, string(m.Raw), `"blocks"`)
		})
	}
}

// Slack's clients send a message as text and as blocks.
func TestNormalize_BlocksThatRepeatTheText(t *testing.T) {
	t.Parallel()
	twice := with(
		richText(section(`{"type":"user","user_id":"U0MATE"},{"type":"text","text":" see "},{"type":"channel","channel_id":"C0PIER"},{"type":"text","text":": "},{"type":"text","text":"a","style":{"bold":true}},{"type":"text","text":"\n"}`)+
			`,{"type":"rich_text_list","style":"bullet","elements":[`+section(`{"type":"link","url":"https://a.example","text":"b"},{"type":"text","text":" & "},{"type":"emoji","name":"wave"}`)+`]}`),
		`{"text": "<@U0MATE> see <#C0PIER|pier>: *a*\n• <https://a.example|b> &amp; :wave:"}`,
	)
	c := mustMessage(t, nil, twice).Content
	require.Empty(t, c.Parts)
	require.Equal(t, "@U0MATE see #pier: *a*\n• b (https://a.example) & :wave:", c.PlainText)
	require.Equal(t, []message.Mention{{ID: "U0MATE"}}, c.Mentions)

	summary := `{"text": "Deploy failed", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Deploy failed"}}, {"type": "section", "text": {"type": "mrkdwn", "text": "step 3 <@U0ASSISTANT>"}}]}`
	c = mustMessage(t, nil, summary).Content
	require.Equal(t, "Deploy failed\nstep 3 @U0ASSISTANT", c.PlainText, "without repetition")
	require.Len(t, c.Parts, 1)
	require.True(t, c.MentionsSelf)

	other := `{"text": "New build", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Step 3"}}]}`
	require.Equal(t, "New build\nStep 3", mustMessage(t, nil, other).Content.PlainText, "both")
}

// A table keeps a word that also occurs in the text.
func TestNormalize_BlocksThatRepeatAWord(t *testing.T) {
	t.Parallel()
	table := blocks(`{"type":"table","rows":[[{"type":"raw_text","text":"Sam"}]]}`)
	c := mustMessage(t, nil, with(table, `{"text": "Ask Sam"}`)).Content
	require.Equal(t, []message.Part{{Kind: message.PartBlocks, Text: "Sam"}}, c.Parts)
	require.Equal(t, "Ask Sam", c.PlainText)

	for text, want := range map[string]string{"am": "am\nSam", "Sa": "Sa\nSam", "!!!": "!!!\nSam", "Sam": "Sam"} {
		require.Equal(t, want, mustMessage(t, nil, with(table, object{"text": text})).Content.PlainText)
	}
}

// Signs and punctuation are content; formatting is not.
func TestNormalize_RepetitionIgnoresFormatting(t *testing.T) {
	t.Parallel()
	for text, block := range map[string]string{"+5": "-5", "1.5": "1,5", "!!!": "???", "&lt;5": "5", "yes?": "yes!", "$5": "5%"} {
		section := blocks(`{"type": "section", "text": {"type": "mrkdwn", "text": "` + block + `"}}`)
		c := mustMessage(t, nil, with(section, object{"text": text})).Content
		require.Equal(t, []message.Part{{Kind: message.PartBlocks, Text: block}}, c.Parts, text)
		require.Equal(t, strings.Replace(text, "&lt;", "<", 1)+"\n"+block, c.PlainText)
	}

	text := "*Note*: `x`. (_y_) &lt; R&amp;D\n• a\n    ◦ b\n        ▪︎ c\n&gt; so\n```z := 1```\n<!date^1^{date}^https://d.example|soon>"
	list := func(indent, item string) string {
		return `{"type":"rich_text_list","style":"bullet","indent":` + indent + `,"elements":[` + section(`{"type":"text","text":"`+item+`"}`) + `]},`
	}
	twice := richText(section(`{"type":"text","text":"Note","style":{"bold":true}},{"type":"text","text":": "},{"type":"text","text":"x","style":{"code":true}},{"type":"text","text":". ("},{"type":"text","text":"y","style":{"italic":true}},{"type":"text","text":") &lt; R&D\n"}`) +
		"," + list("0", "a") + list("1", "b") + list("2", "c") + `{"type":"rich_text_quote","elements":[{"type":"text","text":"so"}]},{"type":"rich_text_preformatted","elements":[{"type":"text","text":"z := 1"}]},` +
		section(`{"type":"date","timestamp":1,"url":"https://d.example","fallback":"soon"}`))
	require.Empty(t, mustMessage(t, nil, with(twice, object{"text": text})).Content.Parts)
}

// Slack's limit is 40,000 characters.
func TestNormalize_LongMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("漢字 <@U0MATE>\n", 10_000)
	leaf := `{"type": "text", "text": "` + strings.Repeat(`漢字 @U0MATE\n`, 10_000) + `"}`
	for name, inner := range map[string]any{
		"text and rich text": with(richText(section(leaf)), object{"text": long}),
		"code":               richText(`{"type":"rich_text_preformatted","elements":[` + leaf + `]}`),
		"a quotation":        richText(`{"type":"rich_text_quote","elements":[` + leaf + `]}`),
		"forwarded":          object{"text": "", "attachments": []object{{"is_share": true, "text": long}}},
	} {
		c := mustMessage(t, nil, inner).Content
		require.False(t, c.Truncated, name)
		require.Equal(t, 10_000, strings.Count(c.PlainText, "漢字 @U0MATE"), name)
	}
}

func TestNormalize_Cards(t *testing.T) {
	t.Parallel()
	card := `{"text": "", "subtype": "bot_message", "bot_id": "B0ALERTS", "user": "absent", "attachments": [
		{"id":1,"pretext":"<!here>","service_name":"Alerts","author_name":"Watch","author_subname":"night","title":"Disk &amp; memory","title_link":"https://w.example/1","text":"<@U0ASSISTANT> *97%*",
		 "fields":[{"title":"host","value":"<https://h.example|web-1>","short":true},{"value":"since 9"}],"image_url":"https://i.example/g.png",
		 "actions":[{"type":"button","text":"Ack","url":"https://w.example/ack"}],"footer":"Watch 2","ts":1768471200,"fallback":"not this"},
		{"fallback":"only <@U0MATE>"}, {}, null, "x", {"text":["odd"],"title":"kept"}]}`
	c := mustMessage(t, nil, card).Content
	require.Equal(t, "@here\nAlerts\nWatch\nnight\nDisk & memory (https://w.example/1)\n@U0ASSISTANT *97%*\nhost: web-1 (https://h.example)\nsince 9\n"+
		"[image] (https://i.example/g.png)\n[Ack] (https://w.example/ack)\nWatch 2", c.Parts[0].Text)
	require.Equal(t, message.PartCard, c.Parts[0].Kind)
	require.Equal(t, at(t, "2026-01-15T10:00:00Z"), c.Parts[0].Timestamp)
	require.Empty(t, c.Parts[0].MessageID)
	require.Equal(t, "https://w.example/1", c.Parts[0].Link)
	require.Equal(t, "only @U0MATE", c.Parts[1].Text)
	require.Equal(t, "kept", c.Parts[2].Text)
	require.Len(t, c.Parts, 3)
	require.Equal(t, []message.Mention{
		{ID: "here", Kind: message.MentionBroadcast}, {ID: "U0ASSISTANT", IsSelf: true}, {ID: "U0MATE"},
	}, c.Mentions)
	require.True(t, c.MentionsSelf, "a card is the sender's own text")
	require.Equal(t, c.Parts[0].Text+"\nonly @U0MATE\nkept", c.PlainText)

	pasted := mustMessage(t, nil, `{"text": "Which?", "attachments": [{"fallback": "[no preview available]", "blocks": [{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}], [{"type": "raw_text", "text": "b"}]]}]}]}`).Content
	require.Equal(t, []message.Part{{Kind: message.PartBlocks, Text: "a\nb"}}, pasted.Parts)
	require.Equal(t, "Which?\na\nb", pasted.PlainText)
}

// The same text addresses us outside a quotation.
func TestNormalize_QuotationsAddressNoOne(t *testing.T) {
	t.Parallel()
	const words, rich = "<@U0ASSISTANT> <!channel> <!subteam^S0CREW> help", `{"type":"user","user_id":"U0ASSISTANT"}`
	for name, row := range map[string]struct {
		inner  string // WORDS stands for words
		quoted bool   // listed in the part
	}{
		"a forwarded message":       {`{"attachments": [{"is_share": true, "text": "WORDS"}]}`, true},
		"the link to a message":     {`{"attachments": [{"is_msg_unfurl": true, "text": "WORDS"}]}`, true},
		"the root of a thread":      {`{"attachments": [{"is_thread_root_unfurl": true, "text": "WORDS"}]}`, true},
		"the preview of a page":     {`{"attachments": [{"from_url": "https://p.example", "text": "WORDS"}]}`, true},
		"the preview of an app":     {`{"attachments": [{"app_unfurl_url": "https://p.example", "blocks": [{"type":"section","text":{"type":"mrkdwn","text":"WORDS"}}]}]}`, true},
		"blocks of a message":       {`{"attachments": [{"message_blocks": [{"team":"T0","channel":"C0","ts":"1.000001","message":{"blocks":[{"type":"rich_text","elements":[` + section(rich) + `]}]}}]}]}`, true},
		"a card that was forwarded": {`{"attachments": [{"is_share": true, "attachments": [{"title": "card", "text": "WORDS"}]}]}`, false},
		"a quoted line":             {`{"text": "&gt; WORDS"}`, false},
		"a quoted line of Markdown": {blocks(`{"type":"markdown","text":"> <@U0ASSISTANT> said"}`), false},
		"a quoted line of a block":  {blocks(`{"type":"section","text":{"type":"mrkdwn","text":"&gt; <@U0ASSISTANT> said"}}`), false},
		"lines after >>>":           {`{"text": "&gt;&gt;&gt; so he said\nWORDS"}`, false},
		"a list in a quotation":     {richText(`{"type":"rich_text_list","style":"bullet","border":1,"elements":[` + section(rich) + `]}`), false},
		"a quote block":             {richText(`{"type":"rich_text_quote","elements":[` + rich + `]}`), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"message", "app_mention"} {
				c := mustMessage(t, nil, with(object{"type": kind, "text": ""}, strings.ReplaceAll(row.inner, "WORDS", words))).Content
				require.False(t, c.MentionsSelf, kind)
				require.Empty(t, c.Mentions)
				require.Contains(t, c.PlainText, "@U0ASSISTANT", "kept")
				require.Contains(t, c.PlainText, "> ", "marked as a quotation")
				if row.quoted {
					require.Contains(t, c.Parts[0].Mentions, message.Mention{ID: "U0ASSISTANT", IsSelf: true})
				}
			}
		})
	}
	for name, inner := range map[string]string{
		"the text":         `{"text": "so:\nWORDS"}`,
		"a card":           `{"text": "", "attachments": [{"title": "card", "text": "WORDS"}]}`,
		"a block":          richText(section(rich)),
		"beside a quote":   `{"text": "WORDS", "attachments": [{"is_share": true, "text": "WORDS"}]}`,
		"a block in a row": `{"text": "", "attachments": [{"blocks": [{"type":"rich_text","elements":[` + section(rich) + `]}]}]}`,
	} {
		require.True(t, mustMessage(t, nil, strings.ReplaceAll(inner, "WORDS", words)).Content.MentionsSelf, name)
	}
}

func TestNormalize_ForwardedMessages(t *testing.T) {
	t.Parallel()
	inner := `{"text": "look", "attachments": [{
		"is_share":true,"is_msg_unfurl":true,"channel_id":"C0PIER","ts":"1768471100.000001","author_id":"U0MATE","author_name":"mate",
		"from_url":"https://h.slack.com/archives/C0PIER/p1768471100000001","footer":"Posted in #pier","fallback":"not this",
		"text":"<@U0ASSISTANT> order 55 is stuck","message_blocks":[{"team":"T0","channel":"C0PIER","ts":"1768471100.000001","message":{"blocks":[{"type":"rich_text","elements":[` + section(`{"type":"user","user_id":"U0ASSISTANT"},{"type":"text","text":" order 55 is stuck"}`) + `]}]}}],
		"files":[{"id":"F0LOG","name":"log.txt","mimetype":"text/plain","size":12,"url_private":"https://files.slack.com/F0LOG"}],
		"attachments":[{
			"is_msg_unfurl":true,"author_id":"U0ASSISTANT","text":"I shipped 54",
			"message":{"user":"U0CAPTAIN","ts":"1768471000.000001","text":"ship 54","files":[{"id":"F0BILL"}],
				"attachments":[{"title":"Bill","text":"54 crates"}]}}]}]}`
	m := mustMessage(t, nil, inner)
	requireValid(t, m.KonstructMessage)
	c := m.Content
	require.Equal(t, "look", c.Text)
	require.Equal(t, []message.Part{{
		Kind: message.PartQuote, Text: "@U0ASSISTANT order 55 is stuck\nPosted in #pier",
		Author: &message.SenderInfo{ID: "U0MATE", DisplayName: "mate"}, Link: "https://h.slack.com/archives/C0PIER/p1768471100000001",
		ChannelID: "C0PIER", MessageID: "1768471100.000001", Timestamp: at(t, "2026-01-15T09:58:20.000001Z"),
		Mentions: []message.Mention{{ID: "U0ASSISTANT", IsSelf: true}}, AttachmentIDs: []string{"F0LOG"},
		Parts: []message.Part{{
			Kind: message.PartQuote, Text: "I shipped 54",
			Author: &message.SenderInfo{ID: "U0ASSISTANT", IsBot: true, IsSelf: true},
			Parts: []message.Part{{
				Kind: message.PartQuote, Text: "ship 54", Author: &message.SenderInfo{ID: "U0CAPTAIN"},
				MessageID: "1768471000.000001", Timestamp: at(t, "2026-01-15T09:56:40.000001Z"), AttachmentIDs: []string{"F0BILL"},
				Parts: []message.Part{{Kind: message.PartCard, Text: "Bill\n54 crates"}},
			}},
		}},
	}}, c.Parts)
	require.Equal(t, []message.Attachment{
		{ID: "F0LOG", Name: "log.txt", MediaType: "text/plain", Size: 12, URL: "https://files.slack.com/F0LOG", State: message.FileFetchable},
		{ID: "F0BILL", State: message.FileFetchable},
	}, c.Attachments)
	require.Equal(t, `look
> mate:
> @U0ASSISTANT order 55 is stuck
> Posted in #pier
> > U0ASSISTANT:
> > I shipped 54
> > > U0CAPTAIN:
> > > ship 54
> > > Bill
> > > 54 crates`, c.PlainText)
}

func TestNormalize_EveryQuotedLineIsMarked(t *testing.T) {
	t.Parallel()
	for _, end := range []string{`\n`, `\r\n`, `\r`, `\u000b`, `\f`, `\u0085`, `\u2028`, `\u2029`} {
		text := `"text": "a` + end + `b"}`
		for _, inner := range []string{
			`{"text": "", "attachments": [{"is_share": true, ` + text + `]}`,
			richText(`{"type": "rich_text_quote", "elements": [{"type": "text", ` + text + `]}`),
		} {
			require.Equal(t, "> a\n> b", mustMessage(t, nil, inner).Content.PlainText, end)
		}
	}
}

func TestNormalize_QuotedSlackbot(t *testing.T) {
	t.Parallel()
	for _, author := range []string{`"author_id": "USLACKBOT"`, `"author_id": "USLACK"`, `"bot_id": "B01"`} {
		quote := `{"attachments": [{"is_share": true, "text": "Reminder: tide", ` + author + `}]}`
		got := mustMessage(t, nil, quote).Content.Parts[0].Author
		require.True(t, got.IsSystem && got.IsBot, author)
	}
}

func TestNormalize_NestingIsBounded(t *testing.T) {
	t.Parallel()
	inner := `{"is_share":true,"text":"deepest"}`
	for range 2 * message.MaxPartDepth {
		inner = `{"is_share":true,"text":"x","attachments":[` + inner + `]}`
	}
	c := mustMessage(t, nil, `{"attachments": [`+inner+`]}`).Content
	require.True(t, c.Truncated)
	require.NotContains(t, c.PlainText, "deepest")
	depth := 0
	for parts := c.Parts; len(parts) > 0; parts = parts[0].Parts {
		depth++
	}
	require.Equal(t, message.MaxPartDepth, depth)
	require.False(t, mustMessage(t, nil, nil).Content.Truncated)
}

// Another company's installation of the same app has another user.
func TestNormalize_MentionsSelf(t *testing.T) {
	t.Parallel()
	shared := `{"is_ext_shared_channel": true}`
	for name, row := range map[string]struct {
		outer, inner any
		want         bool
	}{
		"ours":                           {shared, `{"text": "<@U0ASSISTANT> hi"}`, true},
		"theirs":                         {shared, `{"text": "<@U0THEIRBOT> hi"}`, false},
		"theirs in our own channel":      {nil, `{"text": "<@U0THEIRBOT> hi"}`, false},
		"both":                           {shared, `{"text": "<@U0THEIRBOT> <@U0ASSISTANT> hi"}`, true},
		"no mention in the text":         {shared, `{"text": "hi"}`, true},
		"our user is unknown":            {`{"authorizations": "absent"}`, `{"text": "<@U0WHO> hi"}`, true},
		"the installation is a person's": {`{"authorizations": [{"team_id": "T0AUTH", "user_id": "U0CAPTAIN", "is_bot": false}]}`, `{"text": "<@U0ASSISTANT>"}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, mustMessage(t, row.outer, with(`{"type": "app_mention"}`, row.inner)).Content.MentionsSelf)
		})
	}
}

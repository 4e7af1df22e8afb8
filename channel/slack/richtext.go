package slack

import (
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/konstruct/konstruct/message"
)

// richText writes an element of a rich_text block (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block/),
// and reports whether kind is one.
func (w *writer) richText(kind string, v gjson.Result, depth int) bool {
	if (kind == "rich_text_list" || kind == "rich_text_preformatted") && count(v.Get("border")) > 0 {
		// Slack's clients send a list or code in a quotation as an element with a border.
		w.quoted(func(inner *writer) { inner.borderless(kind, v, depth) })
		return true
	}
	return w.borderless(kind, v, depth)
}

func (w *writer) borderless(kind string, v gjson.Result, depth int) bool {
	inline := func(w *writer) { w.each(v.Get("elements"), depth, "") }
	switch kind {
	case "rich_text":
		w.each(v.Get("elements"), depth, "\n")
	case "rich_text_section":
		inline(w)
	case "rich_text_list":
		w.list(v, depth)
	case "rich_text_quote":
		w.quoted(inline)
	case "rich_text_preformatted":
		w.write("```\n" + w.nested(w.mentions, inline) + "\n```")
	default:
		return w.leaf(kind, v)
	}
	return true
}

func (w *writer) list(v gjson.Result, depth int) {
	indent := strings.Repeat("  ", int(min(count(v.Get("indent")), maxDepth)))
	number := count(v.Get("offset"))
	ordered := text(v.Get("style")) == "ordered"
	for _, item := range v.Get("elements").All() {
		if w.full() {
			return
		}
		mark := "• "
		if ordered {
			number++
			mark = strconv.FormatInt(number, 10) + ". "
		}
		w.separate("\n")
		w.write(indent + mark + w.nested(w.mentions, func(inner *writer) { inner.node(item, depth+1) }))
	}
}

// leaf writes an inline element. Its text is not escaped, unlike mrkdwn.
func (w *writer) leaf(kind string, v gjson.Result) bool {
	switch kind {
	case "text":
		w.write(text(v.Get("text")))
	case "link":
		w.link(text(v.Get("url")), text(v.Get("text")))
	case "user":
		w.mention(message.MentionUser, identifier(v.Get("user_id")), "")
	case "usergroup":
		w.mention(message.MentionGroup, identifier(v.Get("usergroup_id")), "")
	case "channel":
		w.named("#", identifier(v.Get("channel_id")), "")
	case "team":
		w.write(identifier(v.Get("team_id")))
	case "broadcast":
		w.broadcast(text(v.Get("range")))
	case "emoji":
		w.write(":" + text(v.Get("name")) + ":")
		if tone := text(v.Get("skin_tone")); tone != "" {
			w.write(":skin-tone-" + tone + ":")
		}
	case "color":
		w.write(text(v.Get("value")))
	case "date":
		w.date(v)
	default:
		return false
	}
	return true
}

func (w *writer) date(v gjson.Result) {
	label := text(v.Get("fallback"))
	if at := seconds(v.Get("timestamp")); label == "" && !at.IsZero() {
		label = at.Format("2006-01-02 15:04 UTC")
	}
	w.link(text(v.Get("url")), label)
}

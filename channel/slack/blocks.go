package slack

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"
)

// Limits of blocks: nesting depth (Slack's is four) and elements in one message.
const (
	maxDepth = 16
	maxNodes = 50_000
)

// each writes a list's members, or a single value, with sep between them.
func (w *writer) each(v gjson.Result, depth int, sep string) {
	if !v.IsArray() {
		w.node(v, depth+1)
		return
	}
	for _, member := range v.All() {
		if w.full() {
			return
		}
		w.separate(sep)
		w.node(member, depth+1)
	}
}

// node writes a block (https://docs.slack.dev/reference/block-kit/blocks/), element or composition object. Unknown
// types, which Slack keeps adding, are written by their text fields.
func (w *writer) node(v gjson.Result, depth int) {
	if depth > maxDepth {
		w.truncated = true
		return
	}
	switch {
	case v.IsArray():
		w.each(v, depth, " ")
	case !v.IsObject() || w.full() || !w.take(&w.nodes):
	default:
		kind := text(v.Get("type"))
		if !w.richText(kind, v, depth) && !w.element(kind, v, depth) {
			w.fields(v, depth)
		}
	}
}

// element writes the types that need special treatment, and reports whether kind is one.
func (w *writer) element(kind string, v gjson.Result, depth int) bool {
	switch kind {
	case "mrkdwn":
		w.mrkdwn(text(v.Get("text")))
	case "plain_text", "raw_text":
		w.write(unescape(text(v.Get("text"))))
	case "raw_number":
		w.write(cmp.Or(text(v.Get("text")), text(v.Get("value"))))
	case "table", "data_table":
		w.plainField(v.Get("caption"), depth)
		w.separate("\n")
		w.table(v, depth)
	case "image":
		w.image(v)
	case "video":
		w.video(v)
	case "button", "workflow_button", "icon_button":
		w.button(v)
	case "feedback_buttons":
		w.button(v.Get("positive_button"))
		w.separate(" ")
		w.button(v.Get("negative_button"))
	case "actions", "context", "context_actions":
		w.each(v.Get("elements"), depth, " ")
	case "file":
		w.embedded(v.Get("file"))
	case "call":
		w.link(text(v.Get("call.v1.join_url")), text(v.Get("call.v1.name")))
	case "divider":
	default:
		return w.menu(kind, v, depth)
	}
	return true
}

// fields writes the texts of v in order.
func (w *writer) fields(v gjson.Result, depth int) {
	for key, field := range v.All() {
		if w.full() {
			return
		}
		switch key.Str {
		case "text":
			w.separate("\n")
			w.textField(field, depth)
		case "title", "subtitle", "header", "label", "description", "hint", "alt_text", "caption", "name", "value",
			"status":
			w.separate("\n")
			w.plainField(field, depth)
		case "url", "title_url":
			w.separate(" ")
			w.write(text(field))
		case "confirm", "slack_file", "workflow": // not shown
		default:
			w.separate("\n")
			w.each(field, depth, "\n")
		}
	}
}

// textField writes a text object or, in a few blocks, a string with Slack's markup.
func (w *writer) textField(v gjson.Result, depth int) {
	if v.Type == gjson.JSON {
		w.node(v, depth+1)
		return
	}
	w.mrkdwn(text(v))
}

func (w *writer) plainField(v gjson.Result, depth int) {
	if v.Type == gjson.JSON {
		w.node(v, depth+1)
		return
	}
	w.write(unescape(text(v)))
}

// plainText returns what plainField writes, for w to write.
func (w *writer) plainText(v gjson.Result) string {
	return w.nested(w.mentions, func(inner *writer) { inner.plainField(v, 0) })
}

// table writes one line per row, with cells separated by " | ".
func (w *writer) table(v gjson.Result, depth int) {
	for _, row := range v.Get("rows").All() {
		if w.full() {
			return
		}
		if row.IsObject() {
			row = row.Get("cells")
		}
		w.separate("\n")
		cells := 0
		for _, cell := range row.All() {
			if !w.take(&w.nodes) {
				return
			}
			written := w.nested(w.mentions, func(inner *writer) {
				if cell.IsObject() {
					inner.node(cell, depth+1)
				} else {
					inner.write(text(cell))
				}
			})
			cells++
			if cells > 1 {
				written = " | " + written
			}
			w.write(strings.ReplaceAll(written, "\n", " "))
		}
	}
}

func (w *writer) image(v gjson.Result) {
	title := w.plainText(v.Get("title"))
	alt := unescape(text(v.Get("alt_text")))
	if title != "" && alt != "" && title != alt {
		title += ": "
	} else if title == alt {
		title = ""
	}
	w.write("[image: " + title + alt + "]")
	w.embedded(v.Get("slack_file"))
}

func (w *writer) video(v gjson.Result) {
	title := w.plainText(v.Get("title"))
	w.link(cmp.Or(text(v.Get("title_url")), text(v.Get("video_url"))),
		"[video: "+cmp.Or(title, unescape(text(v.Get("alt_text"))))+"]")
	w.separate("\n")
	w.plainField(v.Get("description"), 0)
	for _, name := range []string{"author_name", "provider_name"} {
		w.separate("\n")
		w.write(unescape(text(v.Get(name))))
	}
}

func (w *writer) button(v gjson.Result) {
	label := w.plainText(v.Get("text"))
	w.link(text(v.Get("url")), "["+cmp.Or(label, unescape(text(v.Get("alt_text"))))+"]")
}

// menu writes a select menu or an input.
func (w *writer) menu(kind string, v gjson.Result, depth int) bool {
	switch kind {
	case "overflow", "radio_buttons", "checkboxes":
		w.each(v.Get("options.#.text"), depth, " ")
		return true
	case "plain_text_input", "rich_text_input", "email_text_input", "url_text_input", "number_input", "file_input",
		"datepicker", "timepicker", "datetimepicker":
	default:
		if !strings.HasSuffix(kind, "_select") {
			return false
		}
	}
	label := w.plainText(v.Get("placeholder"))
	chosen := cmp.Or(text(v.Get("initial_option.text.text")), text(v.Get("initial_date")), text(v.Get("initial_time")),
		text(v.Get("initial_value")))
	if label+chosen == "" {
		return true
	}
	if label != "" && chosen != "" {
		label += ": "
	}
	w.write("[" + label + unescape(chosen) + "]")
	return true
}

// embedded collects a file in a block.
func (w *writer) embedded(v gjson.Result) {
	if w.file == nil || !v.IsObject() {
		return
	}
	w.file(readFile(v, cmp.Or(text(v.Get("url_private")), text(v.Get("url")))))
}

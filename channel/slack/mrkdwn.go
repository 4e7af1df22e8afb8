package slack

import (
	"cmp"
	"strings"

	"github.com/konstruct/konstruct/message"
)

// mrkdwn writes Slack's markup (https://docs.slack.dev/messaging/formatting-message-text/) as plain text. Mentions,
// links and dates are resolved and entities unescaped; emphasis marks stay. A mention in a quoted line addresses no
// one.
func (w *writer) mrkdwn(s string) {
	own := w.mentions
	defer func(before *mentionList) { w.mentions = before }(own)
	for first := true; ; first = false {
		line, rest, more := strings.Cut(s, "\n")
		if !first {
			w.write("\n")
		}
		quoted, all := quotation(line)
		w.mentions = own
		if quoted {
			w.mentions = nil
		}
		w.line(line)
		if all { // >>> quotes everything that follows
			own = nil
		}
		if !more || w.full() {
			return
		}
		s = rest
	}
}

// quotation reports whether the line, and all lines after it, are quoted. Markdown blocks are not escaped.
func quotation(line string) (quoted, all bool) {
	for _, mark := range []string{"&gt;", ">"} {
		quoted = quoted || strings.HasPrefix(line, mark)
		all = all || strings.HasPrefix(line, strings.Repeat(mark, 3))
	}
	return quoted, all
}

// line writes one line. Typed text cannot imitate markup, since Slack escapes its angle brackets.
func (w *writer) line(s string) {
	for {
		start := strings.IndexByte(s, '<')
		if start < 0 {
			w.write(unescape(s))
			return
		}
		w.write(unescape(s[:start]))
		s = s[start+1:]
		end := strings.IndexAny(s, "<>")
		if end < 0 || s[end] == '<' {
			w.write("<")
			continue
		}
		w.reference(s[:end])
		s = s[end+1:]
	}
}

// reference writes the content of angle brackets: @user, #channel, !command or a link, each with an optional |label.
func (w *writer) reference(s string) {
	target, label, _ := strings.Cut(s, "|")
	label = unescape(label)
	switch {
	case strings.HasPrefix(target, "@"):
		w.mention(message.MentionUser, target[1:], label)
	case strings.HasPrefix(target, "#"):
		w.named("#", target[1:], label)
	case strings.HasPrefix(target, "!subteam^"):
		w.mention(message.MentionGroup, strings.TrimPrefix(target, "!subteam^"), label)
	case target == "!here", target == "!channel", target == "!everyone", target == "!group":
		w.broadcast(target[1:])
	case strings.HasPrefix(target, "!date^"): // <!date^seconds^format^link|fallback>
		_, address, _ := strings.Cut(strings.TrimPrefix(target, "!date^"), "^")
		_, address, _ = strings.Cut(address, "^")
		w.link(unescape(address), cmp.Or(label, target[1:]))
	case strings.HasPrefix(target, "!"):
		w.write(cmp.Or(label, target[1:]))
	default:
		w.link(unescape(target), label)
	}
}

func (w *writer) mention(kind message.MentionKind, id, label string) {
	w.mentions.add(id, kind, w.budget)
	w.named("@", id, label)
}

func (w *writer) broadcast(name string) {
	if name == "group" { // the old name of @channel in a private channel
		name = "channel"
	}
	w.mentions.add(name, message.MentionBroadcast, w.budget)
	w.write("@" + name)
}

func (w *writer) named(mark, id, label string) {
	if !w.labels || label == "" {
		label = id
	}
	if label != "" {
		w.write(mark + strings.TrimPrefix(label, mark))
	}
}

// link writes "label (url)", or one of them if the other adds nothing.
func (w *writer) link(url, label string) {
	switch {
	case label == "" || label == url:
		w.write(url)
	case url == "" || url == "mailto:"+label || url == "tel:"+label || strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://") == label:
		w.write(label)
	default:
		w.write(label + " (" + url + ")")
	}
}

// unescape replaces the three entities that Slack uses.
func unescape(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "&lt;", "<"), "&gt;", ">")
	return strings.ReplaceAll(s, "&amp;", "&")
}

package slack

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/konstruct/konstruct/message"
)

// budget is what one message's content may still grow by. All writers of a message share it, so that no payload makes
// more of itself than the limits of package message allow.
type budget struct {
	bytes, nodes, parts, files, mentions int
	truncated                            bool
	usersMentioned                       bool // anywhere, in quotations too
}

// separators are the bytes kept back for what joins texts that were counted one by one.
const separators = 64 << 10

// newBudget keeps one part back for the message's own blocks, which are known last.
func newBudget() *budget {
	return &budget{
		bytes: message.MaxText - separators, nodes: maxNodes, parts: message.MaxParts - 1, files: message.MaxAttachments,
		mentions: message.MaxMentions,
	}
}

// take takes one of what is left of, and reports whether there was one.
func (b *budget) take(left *int) bool {
	if *left == 0 {
		b.truncated = true
		return false
	}
	*left--
	return true
}

// mentionList collects who is mentioned, each once, in order of appearance. A nil list collects nothing.
type mentionList struct {
	own  string // our app's user
	list []message.Mention
	seen map[message.Mention]bool
	self bool
}

func (m *mentionList) add(id string, kind message.MentionKind, b *budget) {
	if !plain(id) {
		return
	}
	b.usersMentioned = b.usersMentioned || kind == message.MentionUser
	if m == nil {
		return
	}
	one := message.Mention{ID: id, Kind: kind, IsSelf: kind == message.MentionUser && id == m.own}
	m.self = m.self || one.IsSelf
	if m.seen[one] || !b.take(&b.mentions) {
		return
	}
	if m.seen == nil {
		m.seen = map[message.Mention]bool{}
	}
	m.seen[one] = true
	m.list = append(m.list, one)
}

// writer writes plain text and notes who is mentioned on the way.
type writer struct {
	*budget

	out      strings.Builder
	gap      string // what to write before the next text
	mentions *mentionList
	// file receives the files that stand in blocks.
	file func(file)
	// labels writes the names that a mention carries instead of ids.
	labels bool
}

// write appends s after the gap that was asked for, as far as the budget goes.
func (w *writer) write(s string) {
	if s == "" {
		return
	}
	if w.out.Len() > 0 {
		s = w.gap + s
	}
	w.gap = ""
	if len(s) > w.bytes {
		s, w.truncated = cut(s, w.bytes), true
	}
	w.bytes -= len(s)
	w.out.WriteString(s)
}

// apart asks for sep before the next text. Of two, the longer counts.
func (w *writer) apart(sep string) {
	if len(sep) > len(w.gap) || sep == "\n" && w.gap == " " {
		w.gap = sep
	}
}

// full reports that nothing more can be written.
func (w *writer) full() bool { return w.bytes == 0 }

// within writes with a writer of its own, and returns what was written, for w to write.
func (w *writer) within(mentions *mentionList, do func(*writer)) string {
	inner := &writer{budget: w.budget, mentions: mentions, file: w.file, labels: w.labels}
	do(inner)
	w.bytes += inner.out.Len() // it counts when w writes it
	return inner.out.String()
}

// quoted writes what do writes as a quotation, in which a mention addresses no one.
func (w *writer) quoted(do func(*writer)) {
	w.write(quote(w.within(nil, do)))
}

// quote prefixes each line, so that no line of a quotation can pass for the message's own.
func quote(s string) string {
	if s == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(newlines(s), "\n", "\n> ")
}

// newlines replaces each line break of Unicode by \n.
func newlines(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\r', '\v', '\f', '\u0085', '\u2028', '\u2029':
			return '\n'
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// cut shortens s to at most limit bytes of whole characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// formatting is the markup that a text has and its rich text lacks or writes differently: emphasis, code, quotes,
// bullets.
const formatting = "*_~`>•◦▪\uFE0E"

// skeleton is the words of s for a comparison, without [formatting] and with one space before and after each. Signs and
// punctuation count: +5 is not -5. An entity is its character, since not every text beside another is escaped alike.
func skeleton(s string) string {
	s = unescape(s)
	words := strings.Builder{}
	words.Grow(len(s) + 2)
	words.WriteByte(' ')
	apart := true
	for _, r := range s {
		if strings.ContainsRune(formatting, r) {
			continue
		}
		if unicode.IsSpace(r) {
			if !apart {
				words.WriteByte(' ')
			}
			apart = true
			continue
		}
		words.WriteRune(r)
		apart = false
	}
	if !apart {
		words.WriteByte(' ')
	}
	return words.String()
}

// merge is a and b, or the one that says all that the other does.
func merge(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	inA, inB := skeleton(a), skeleton(b)
	switch {
	case inA == " " || inB == " ": // no words to compare
	case strings.Contains(inB, inA):
		return b
	case strings.Contains(inA, inB):
		return a
	}
	return a + "\n" + b
}

package slack

import (
	"strings"
	"unicode/utf8"

	"github.com/konstruct/konstruct/message"
)

// budget is what remains of a message's limits. All writers of a message share it, so no payload exceeds the limits of
// package message.
type budget struct {
	bytes, nodes, parts, files, mentions int
	truncated                            bool
	usersMentioned                       bool // anywhere, also in quotations
}

// separators reserves bytes for the separators between texts, which are counted one by one.
const separators = 64 << 10

// newBudget reserves one part for the message's own blocks, which are added last.
func newBudget() *budget {
	return &budget{
		bytes: message.MaxText - separators, nodes: maxNodes, parts: message.MaxParts - 1,
		files:    message.MaxAttachments,
		mentions: message.MaxMentions,
	}
}

// take decrements *left and reports whether it was positive.
func (b *budget) take(left *int) bool {
	if *left == 0 {
		b.truncated = true
		return false
	}
	*left--
	return true
}

// mentionList collects distinct mentions in order of appearance. A nil list collects nothing.
type mentionList struct {
	own  string // our app's user
	list []message.Mention
	seen map[message.Mention]bool
	self bool
}

func (m *mentionList) add(id string, kind message.MentionKind, b *budget) {
	if !isID(id) {
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

// writer writes plain text and collects mentions.
type writer struct {
	*budget

	out      strings.Builder
	gap      string // written before the next text
	mentions *mentionList
	// file receives the files in blocks.
	file func(message.Attachment)
	// labels writes mentions by name, if they carry one, instead of by id.
	labels bool
}

// write appends the pending gap and s, cut at the budget.
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

// separate requests sep before the next text. The longest request wins.
func (w *writer) separate(sep string) {
	if len(sep) > len(w.gap) || sep == "\n" && w.gap == " " {
		w.gap = sep
	}
}

// full reports whether the budget is used up.
func (w *writer) full() bool { return w.bytes == 0 }

// nested returns what do writes, for w to write.
func (w *writer) nested(mentions *mentionList, do func(*writer)) string {
	inner := &writer{budget: w.budget, mentions: mentions, file: w.file, labels: w.labels}
	do(inner)
	w.bytes += inner.out.Len() // counted again by w.write
	return inner.out.String()
}

// quoted writes the output of do as a quotation, in which a mention addresses no one.
func (w *writer) quoted(do func(*writer)) {
	w.write(quote(w.nested(nil, do)))
}

// quote prefixes each line, so that no quoted line looks like the message's own.
func quote(s string) string {
	if s == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(newlines(s), "\n", "\n> ")
}

// newlines replaces every Unicode line break by \n.
func newlines(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '\r', '\v', '\f', '\u0085', '\u2028', '\u2029':
			return '\n'
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
}

// cut shortens s to at most limit bytes, at a character boundary.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// formatting is markup that rich text lacks or writes differently: emphasis, code, quotes, bullets.
const formatting = "*_~`>•◦▪\uFE0E"

// bareWords returns the words of s for comparison, without [formatting] and with single spaces between them. Signs and
// punctuation stay: +5 is not -5. Entities are unescaped, since text and blocks may be escaped differently.
func bareWords(s string) string {
	bare := strings.Map(func(r rune) rune {
		if strings.ContainsRune(formatting, r) {
			return -1
		}
		return r
	}, unescape(s))
	return strings.Join(strings.Fields(bare), " ")
}

// merge joins a and b, or returns the one that contains the other's words.
func merge(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	inA, inB := bareWords(a), bareWords(b)
	switch {
	case inA == "" || inB == "": // no words to compare
	case strings.Contains(" "+inB+" ", " "+inA+" "):
		return b
	case strings.Contains(" "+inA+" ", " "+inB+" "):
		return a
	}
	return a + "\n" + b
}
